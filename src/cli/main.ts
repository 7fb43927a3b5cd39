/** The command line: commands are wired here, everything else is elsewhere. */

import { Command, CommanderError } from 'commander'
import { AuditError, EXIT, type ExitCode, escaped } from '../errors.js'
import { version } from '../version.js'
import { addBackfill } from './backfill.js'
import { addDemo } from './demo.js'
import { send } from './formats/output.js'
import { addLoad } from './load.js'
import { addQuery } from './query.js'
import { addRejects } from './rejects.js'
import { endOnSignals } from './signals.js'
import { addStatus } from './status.js'
import { escapedLines } from './terminal.js'
import { addTrust } from './trust.js'

/** Sets the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  // What is written holds e-mail addresses: files are made for their owner only, whatever the user's own mask is.
  process.umask(0o077)
  endOnSignals()
  // Nothing can be said where nobody reads it; the work goes on.
  process.stderr.off('error', ignore).on('error', ignore)
  let help = ''
  const program = new Command('wandb-audit')
    .description('Carries Weights & Biases audit logs into an analytics warehouse: nothing lost, nothing doubled.')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        help += text
      },
      writeErr: (text) => process.stderr.write(escapedLines(text)),
    })
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
    await program.parseAsync([...argv]).finally(() => send([help], process.stdout))
  } catch (error) {
    process.exitCode = report(error)
  }
}

const ignore = (): void => {}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  if (!(error instanceof AuditError)) {
    process.stderr.write(`wandb-audit: an unexpected error (${kindOf(error)}); set WANDB_AUDIT_DEBUG=1 to see where\n`)
    if (process.env.WANDB_AUDIT_DEBUG)
      process.stderr.write(`${escapedLines(error instanceof Error ? `${error.stack}` : String(error))}\n`)
    return EXIT.failed
  }
  process.stderr.write(`wandb-audit: ${escaped(error.message)}\n`)
  if (error.advice !== undefined) process.stderr.write(`  ${escaped(error.advice)}\n`)
  return error.exitCode
}

/** The class and code of an error; its message may hold anything. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error ? `${error.name} ${String(error.code)}` : error.name
}
