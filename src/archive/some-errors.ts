/** Keeps some of many errors: one missing permission fails every object in the same way. */

import type { AuditError } from '../errors.js'

export const MOST_ERRORS = 20

export class SomeErrors {
  readonly first: AuditError[] = []
  /** How many there were beside those. */
  more = 0

  add(error: AuditError): void {
    if (this.first.length < MOST_ERRORS) this.first.push(error)
    else this.more++
  }
}
