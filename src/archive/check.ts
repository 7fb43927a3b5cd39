/** Asks the store what keeps the objects of an archive from being deleted. */

import { printable, usageError } from '../errors.js'
import type { ArchivePlace } from './archive.js'

export interface LockReport {
  readonly objects: number
  /** How many of them somebody may delete now, and one of these. */
  readonly unlocked: number
  readonly example: string | null
  /** Until then nobody may delete any of the others; null when there are none. */
  readonly until: Date | null
}

/** @throws AuditError, exit code 2, for a folder, which cannot lock anything */
export async function checkLocks(place: ArchivePlace, now: Date, signal: AbortSignal): Promise<LockReport> {
  const { store, prefix } = place
  if (store.locks === undefined) {
    throw usageError(
      `${printable(place.id)} cannot keep anyone from deleting a file`,
      'Archive into a bucket with locks.',
    )
  }
  let objects = 0
  let unlocked = 0
  let example: string | null = null
  let least: Date | null = null
  for await (const { key, until } of store.locks(prefix, signal)) {
    objects++
    if (until === null || until <= now) {
      unlocked++
      example ??= key
    } else if (least === null || until < least) {
      least = until
    }
  }
  return { objects, unlocked, example, until: least }
}
