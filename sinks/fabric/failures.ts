/** Errors when a landing zone is opened, and what to do about them in Fabric. */

import { AuditError } from '../../src/errors.js'

/** The store answers, and refuses access or knows no such item. */
const REFUSED = /access denied|no such container|not accepted|login is required|answered 4(?!08|29)\d\d/

const ADVICE =
  'In Fabric: check the names in the address; the item must be a mirrored database for open mirroring, whose home page shows a landing zone; give the login the role Contributor in the workspace, or "Read and write" on the mirrored database alone; the capacity of the workspace must not be paused; let service principals use Fabric APIs and OneLake in the tenant settings. See docs/fabric.md.'

/**
 * What Fabric's interfaces answer while the capacity of the workspace is paused. For OneLake itself the code is not documented;
 * all of OneLake refuses then: https://learn.microsoft.com/fabric/mirroring/troubleshooting
 */
const PAUSED = /CapacityNotActive|capacity is (?:currently )?paused|CapacityPaused|CapacitySuspended/i

const RESUME =
  'Resume the capacity in the Azure portal, then select "Resume replication" in the mirrored database: replication does not resume by itself. Then run again; nothing is lost.'

/** Says of an error that the capacity is paused, if it is that; returns any other unchanged. */
export function explainPause(id: string, error: unknown): unknown {
  if (!(error instanceof AuditError) || !PAUSED.test(error.message)) return error
  const { message, exitCode, cause } = error
  return new AuditError(`${id}: the capacity of the workspace is paused, so OneLake refuses everything: ${message}`, {
    outside: true,
    advice: RESUME,
    exitCode,
    cause,
  })
}

/** @param error thrown while opening the zone; returned unchanged when it is not a refusal */
export function refusedAtDoor(id: string, error: unknown): unknown {
  if (!(error instanceof AuditError) || PAUSED.test(error.message) || !REFUSED.test(error.message))
    return explainPause(id, error)
  const { message, exitCode, cause } = error
  return new AuditError(`${id}: the landing zone does not open: ${message}`, { advice: ADVICE, exitCode, cause })
}
