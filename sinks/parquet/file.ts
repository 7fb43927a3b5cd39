/** Changes one file of the lake: read it, merge a copy, make that the next version if no other load was faster. */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { damagedFile, readsNonsense } from '../../src/duckdb/errors.js'
import { interrupted } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { contended, type Lake, MOST_ATTEMPTS } from '../shared/lake.js'
import { copyName } from '../shared/parquet-rows.js'
import type { LakeFile } from './layout.js'
import { currentOf, isUnfinished, repair, replace, type Version, versionsOf } from './versions.js'

/** What a batch changes in one file. */
export interface Change<T> extends LakeFile {
  /**
   * Writes the new content to `target`, or nothing when the file would stay the same.
   *
   * @param existing a local copy of the current version; null when there is none
   */
  merge(existing: string | null, target: string): Promise<{ readonly changed: boolean; readonly outcome: T }>
}

export interface Staged<T> {
  readonly change: Change<T>
  /** The version it was merged with; null when there was none. */
  readonly over: Version | null
  /** A local file with the new content; null when the file does not change. */
  readonly content: string | null
  readonly outcome: T
  /** Another load is replacing the file, or was killed doing so. */
  readonly unfinished: boolean
}

/** @param folder receives the new content */
export async function stage<T>(lake: Lake, change: Change<T>, folder: string, signal: AbortSignal): Promise<Staged<T>> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (signal.aborted) throw interrupted()
    const there = await versionsOf(lake, change.stem, signal)
    const over = currentOf(there)
    const file = over?.object.key.slice(lake.prefix.length) ?? ''
    const existing = over === null ? null : join(folder, copyName(randomUUID(), file))
    try {
      if (over !== null && existing !== null && !(await lake.fetch(over.object, existing, signal))) continue
      const content = join(folder, `${randomUUID()}.parquet`)
      const { changed, outcome } = await change.merge(existing, content).catch((error: unknown) => {
        throw existing !== null && readsNonsense(error) ? damagedFile(lake.id, file) : error
      })
      return { change, over, content: changed ? content : null, outcome, unfinished: isUnfinished(there) }
    } finally {
      if (existing !== null) await rm(existing, { force: true })
    }
  }
  throw contended(lake, `replacing ${change.stem}`)
}

/**
 * Writes the new content to the lake, and merges again when another loader was faster. Finishes what other loads left unfinished.
 *
 * @param onMergedAgain called with the outcome of each further merge, before its result is written
 * @returns the outcome of the merge that was written
 */
export async function publish<T>(
  lake: Lake,
  staged: Staged<T>,
  folder: string,
  onMergedAgain?: (outcome: T) => Promise<void>,
): Promise<T> {
  let current = staged
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const { change, over, content, outcome, unfinished } = current
    if (content === null) {
      if (unfinished) await repair(lake, change, folder, NEVER_ABORTED)
      return outcome
    }
    const won = await replace(lake, change.stem, over, content)
    await rm(content, { force: true })
    if (won) return outcome
    current = await stage(lake, change, folder, NEVER_ABORTED)
    await onMergedAgain?.(current.outcome)
  }
  throw contended(lake, `replacing ${staged.change.stem}`)
}
