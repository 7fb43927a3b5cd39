/** The command line: chooses the process that does the work, and sets the exit code. */

import { AuditError, EXIT, type ExitCode } from '../errors.js'
import { chooseFormat, isJson, withoutLogins, writeFatal } from './fatal.js'
import { endOnSignals } from './signals.js'
import { escapedLines } from './terminal.js'

/** These commands run native code on data from outside, which may crash their process. */
const MAY_DIE = ['load', 'backfill', 'reconcile', 'verify', 'seal']

/** Sets the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  await reporting(async () => {
    const [, , command = '', ...rest] = argv
    chooseFormat(argv, process.env)
    if (MAY_DIE.includes(command)) {
      const { supervise } = await import('./supervisor.js')
      process.exitCode = await supervise(new URL('./worker.js', import.meta.url), [command, ...rest])
    } else {
      const { runCommand } = await import('./commands.js')
      await runCommand(argv, { main })
    }
  })
}

/** Wraps a command: makes files private, turns errors into messages, and sets the exit code. */
export async function reporting(work: () => Promise<void>): Promise<void> {
  // Output files hold e-mail addresses, so they are private to their owner whatever the user's umask is.
  process.umask(0o077)
  endOnSignals()
  // When stderr is closed, messages are lost and the work goes on.
  process.stderr.off('error', ignore).on('error', ignore)
  reportCrashes()
  try {
    await work()
  } catch (error) {
    process.exitCode = report(error)
  }
}

const ignore = (): void => {}

/** Node's own report would quote the failing line of code, a URL or a value. */
function reportCrashes(): void {
  if (process.listenerCount('uncaughtException') > 0) return
  process.on('uncaughtException', (error) => process.exit(report(error)))
}

function report(error: unknown): ExitCode {
  if (error instanceof Error && error.name === 'CommanderError') {
    const isHelp = 'code' in error && error.code === 'commander.help'
    const failed = !('exitCode' in error) || error.exitCode !== 0
    // Commander has already written it as text.
    if (failed && isJson() && !isHelp)
      writeFatal({ message: withoutLogins(error.message), advice: undefined, excerpt: [] })
    return failed ? EXIT.usage : EXIT.done
  }
  if (!(error instanceof AuditError)) {
    const message = `an unexpected error (${kindOf(error)}); set WANDB_AUDIT_DEBUG=1 to see where`
    writeFatal({ message, advice: undefined, excerpt: [] })
    if (process.env.WANDB_AUDIT_DEBUG)
      process.stderr.write(`${escapedLines(error instanceof Error ? `${error.stack}` : String(error))}\n`)
    return EXIT.failed
  }
  writeFatal(error)
  return error.exitCode
}

/** An error's class and code; its message may contain anything. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error ? `${error.name} ${String(error.code)}` : error.name
}
