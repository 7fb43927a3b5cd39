import { type Command, Option } from 'commander'
import type { Span } from '../../schemas/day-digest.js'
import { type ExitCode, usageError } from '../errors.js'
import { type DayFlags, rangeOfDays, withDays } from './days.js'
import { privacyOption, type RunFlags, wholeNumber, withSinks } from './options.js'
import { undoing } from './signals.js'
import type { Survivor } from './survivor.js'
import { LAST_DAY } from './verify-report.js'

export interface VerifyFlags extends RunFlags, DayFlags {
  readonly deep?: boolean
  /** The file of the keys. */
  readonly publicKey?: string
}

export function addVerify(program: Command, survivor: Survivor): void {
  const command = program
    .command('verify')
    .description('Prove that an archive is whole and, with --to, that sinks hold what it says. Changes nothing.')
    .argument('[archive]', 'the archive (default: that of the settings)')
  withDays(withSinks(command, 'sink to compare, repeatable', 'none'), 'the last n days and today', 'default: all')
    .option('--public-key <file>', 'require that each seal is signed with one of these Ed25519 keys (PEM)')
    .option('--anchor <address>', 'where newer hashes of seals are: bucket, folder, or a file of JSON lines')
    .addOption(privacyOption())
    .option('--deep', 'compare every row, not only those of hours whose digests differ')
    .option('--memory <size>', 'memory limit (default: 1GB)')
    .option('--spool <folder>', "folder for temporary files (default: the user's cache folder)")
    .option('--max-document-bytes <size>', 'refuse larger documents, packed or unpacked (default: 16GB)')
    .option('--document-timeout <duration>', 'refuse documents that take longer to arrive (default: 6h)')
    .option('--concurrency <n>', 'how many objects to read at once', wholeNumber)
    .addOption(new Option('--output <format>', 'format of the report').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Loads the archive into a temporary file, with the settings of a load, and compares each sink with it: events, rejects and
receipts that are missing, extra or altered, by UTC day. Prints counts and hashes, never values of events. Run it while
nothing is being loaded.

Exit codes: 0 everything is as it must be, 1 something could not be read, 5 something is missing, extra or altered.

Examples:
  $ wandb-audit verify s3://my-audit-archive
  $ wandb-audit verify s3://my-audit-archive --public-key seal-public.pem --anchor s3://other-account
  $ wandb-audit verify s3://my-audit-archive --to duckdb:audit.duckdb
  $ wandb-audit verify s3://my-audit-archive --to bigquery://my-project/wandb_audit --deep --output json`,
    )
    .action(async (archive: string | undefined, flags: VerifyFlags) => {
      process.exitCode = await verify(archive, flags, survivor)
    })
}

async function verify(named: string | undefined, flags: VerifyFlags, survivor: Survivor): Promise<ExitCode> {
  const span = spanOf(flags, new Date())
  const { openSession } = await import('./session.js')
  const { verifyOnce } = await import('./verify-run.js')
  const session = await openSession(flags)
  const archive = named ?? session.settings.archive
  if (archive === undefined) throw usageError('no archive is named', 'For example verify s3://my-audit-archive.')
  return undoing(session.logger, () => verifyOnce(session, archive, span, flags, survivor))
}

/** Null for all days. @throws AuditError, exit code 2, when the flags do not specify a range */
function spanOf(flags: DayFlags, now: Date): Span | null {
  if (flags.days === undefined && flags.since === undefined && flags.until === undefined) return null
  const { from, to } = rangeOfDays(flags, now, 'verify')
  return { from: from ?? now, to: to ?? LAST_DAY }
}
