/** Replaces one file of the lake by compare-and-swap: read, merge a copy, write it if the file has not changed since. */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { damagedFile, readsNonsense } from '../../src/duckdb/errors.js'
import { AuditError, interrupted } from '../../src/errors.js'
import type { StoredObject } from '../../src/stores/contract.js'
import type { Lake } from './lake.js'
import { copyName } from './layout.js'

/** What a batch changes in one file. */
export interface Change<T> {
  /** Below the lake's prefix. */
  readonly file: string
  /**
   * Writes the new content to `target`, or nothing when the file would stay the same.
   *
   * @param existing a local copy of the current file; null when there is none
   */
  merge(existing: string | null, target: string): Promise<{ readonly changed: boolean; readonly outcome: T }>
}

export interface Staged<T> {
  readonly change: Change<T>
  /** The object it was merged with; null when there was none. */
  readonly over: StoredObject | null
  /** A local file with the new content; null when the file does not change. */
  readonly content: string | null
  readonly outcome: T
}

/** Every lost race means that another loader made progress, which takes it seconds: no more than a few in a row are realistic. */
const MOST_ATTEMPTS = 100

/** @param folder receives the new content */
export async function stage<T>(lake: Lake, change: Change<T>, folder: string, signal: AbortSignal): Promise<Staged<T>> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (signal.aborted) throw interrupted()
    const over = await lake.store.find(lake.prefix + change.file, signal)
    const existing = over === null ? null : join(folder, copyName(randomUUID(), change.file))
    try {
      if (over !== null && existing !== null && !(await lake.fetch(over, existing, signal))) continue
      const content = join(folder, `${randomUUID()}.parquet`)
      const { changed, outcome } = await change.merge(existing, content).catch((error: unknown) => {
        throw existing !== null && readsNonsense(error) ? damagedFile(lake.id, change.file) : error
      })
      return { change, over, content: changed ? content : null, outcome }
    } finally {
      if (existing !== null) await rm(existing, { force: true })
    }
  }
  throw contended(lake, change.file)
}

/**
 * Writes the new content to the lake, and merges again when another loader was faster.
 *
 * @param onMergedAgain called after each further merge, before its result is written
 * @returns the outcome of the merge that was written
 */
export async function publish<T>(
  lake: Lake,
  staged: Staged<T>,
  folder: string,
  onMergedAgain?: () => Promise<void>,
): Promise<T> {
  const { signal } = new AbortController()
  let current = staged
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const { change, over, content, outcome } = current
    if (content === null) return outcome
    const version = await lake.store.write(lake.prefix + change.file, { file: content }, over ?? 'absent', signal)
    await rm(content, { force: true })
    if (version !== null) return outcome
    current = await stage(lake, change, folder, signal)
    await onMergedAgain?.()
  }
  throw contended(lake, staged.change.file)
}

const contended = (lake: Lake, file: string): AuditError =>
  new AuditError(`${lake.id}: other loads keep replacing ${file}`, {
    advice: 'Run it again while fewer loads write to this lake.',
    retryable: true,
  })
