/** What goes wrong at the door of a landing zone, and what to do about it in Fabric. */

import { AuditError } from '../../src/errors.js'

/** What the store says when it is reached and will not have us, or there is nothing of that name. */
const REFUSED = /access denied|no such container|not accepted|login is asked for|answered 4(?!08|29)\d\d/

const ADVICE =
  'In Fabric: check the names in the address; the item must be a mirrored database for open mirroring, whose home page shows a landing zone; give the login the role Contributor in the workspace, or "Read and write" on the mirrored database alone; let service principals use Fabric APIs and OneLake in the tenant settings. See docs/fabric.md.'

/** @param error met while opening the zone; one that has nothing to do with being refused comes back as it is */
export function refusedAtDoor(id: string, error: unknown): unknown {
  if (!(error instanceof AuditError) || !REFUSED.test(error.message)) return error
  const { message, exitCode, cause } = error
  return new AuditError(`${id}: the landing zone does not open: ${message}`, { advice: ADVICE, exitCode, cause })
}
