/** Errors when a landing zone is opened, and what to do about them in Fabric. */

import { AuditError } from '../../src/errors.js'

/** The store answers, and refuses access or knows no such item. */
const REFUSED = /access denied|no such container|not accepted|login is asked for|answered 4(?!08|29)\d\d/

const ADVICE =
  'In Fabric: check the names in the address; the item must be a mirrored database for open mirroring, whose home page shows a landing zone; give the login the role Contributor in the workspace, or "Read and write" on the mirrored database alone; let service principals use Fabric APIs and OneLake in the tenant settings. See docs/fabric.md.'

/** @param error thrown while opening the zone; returned unchanged when it is not a refusal */
export function refusedAtDoor(id: string, error: unknown): unknown {
  if (!(error instanceof AuditError) || !REFUSED.test(error.message)) return error
  const { message, exitCode, cause } = error
  return new AuditError(`${id}: the landing zone does not open: ${message}`, { advice: ADVICE, exitCode, cause })
}
