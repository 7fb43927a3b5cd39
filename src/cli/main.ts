/** The command line: commands are wired here, everything else is elsewhere. */

import { Command, CommanderError } from 'commander'
import { withoutLogin } from '../address.js'
import { AuditError, EXIT, type ExitCode } from '../errors.js'
import { version } from '../version.js'
import { addBackfill } from './backfill.js'
import { addDemo } from './demo.js'
import { addLoad } from './load.js'
import { addQuery } from './query.js'
import { addRejects } from './rejects.js'
import { endOnSignals } from './signals.js'
import { addStatus } from './status.js'
import { addTrust } from './trust.js'

/** Sets the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  // What is written holds e-mail addresses: files are made for their owner only, whatever the user's own mask is.
  process.umask(0o077)
  endOnSignals()
  reportCrashes()
  const program = new Command('wandb-audit')
    .description('Carries Weights & Biases audit logs into an analytics warehouse: nothing lost, nothing doubled.')
    .version(version())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replaceAll(/\S+/g, withoutLogin)) })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 too many rejects, 130 interrupted.

Examples:
  $ wandb-audit demo
  $ wandb-audit load --from ./wandb-audit-logs
  $ wandb-audit query "SELECT action, count(*) FROM audit_events GROUP BY action"`,
    )
  for (const add of [addLoad, addBackfill, addStatus, addQuery, addRejects, addTrust, addDemo]) add(program)
  try {
    await program.parseAsync([...argv])
  } catch (error) {
    process.exitCode = report(error)
  }
}

/** The system's own report would quote what failed: a line of code, a URL, a value. */
function reportCrashes(): void {
  if (process.listenerCount('uncaughtException') > 0) return
  process.on('uncaughtException', (error) => process.exit(report(error)))
}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  if (!(error instanceof AuditError)) {
    process.stderr.write(`wandb-audit: an unexpected error (${kindOf(error)}); set WANDB_AUDIT_DEBUG=1 to see where\n`)
    if (process.env.WANDB_AUDIT_DEBUG) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    return EXIT.failed
  }
  process.stderr.write(`wandb-audit: ${error.message}\n`)
  if (error.advice !== undefined) process.stderr.write(`  ${error.advice}\n`)
  return error.exitCode
}

/** The class and code of an error; its message may hold anything. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error ? `${error.name} ${String(error.code)}` : error.name
}
