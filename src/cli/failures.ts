/** What goes wrong in a command that goes on with the other sinks. */

import { asAuditError, EXIT, type ExitCode, printable } from '../errors.js'
import type { Session } from './session.js'

export class Failures {
  private readonly codes: ExitCode[] = []
  private readonly session: Session
  private readonly what: string

  /** @param what follows the name of what failed: `could not be queried` */
  constructor(session: Session, what: string) {
    this.session = session
    this.what = what
  }

  /** 1 if anything failed; 2 if only settings or logins were wrong; null if nothing was. */
  get code(): ExitCode | null {
    return this.codes.includes(EXIT.failed) ? EXIT.failed : (this.codes[0] ?? null)
  }

  /** Logs the error. @throws the error itself when the command is interrupted */
  add(where: string, error: unknown): void {
    const err = asAuditError(error)
    if (err.exitCode === EXIT.interrupted || this.session.signal.aborted) throw error
    this.session.logger.error({ err }, `${printable(where)} ${this.what}`)
    this.codes.push(err.exitCode)
  }
}
