/** One file of the lake: read, merged beside, and put in its place where it is still the one that was read. */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { damagedFile, readsNonsense } from '../../src/duckdb/errors.js'
import { AuditError, interrupted } from '../../src/errors.js'
import type { StoredObject } from '../../src/stores/contract.js'
import type { Lake } from './lake.js'
import { copyName } from './layout.js'

/** What a batch has for one file. */
export interface Change<T> {
  /** Below the lake's prefix. */
  readonly file: string
  /**
   * Writes the new content to `target`, or nothing where nothing would change.
   *
   * @param there a copy of the file as it is; null where there is none
   */
  merge(there: string | null, target: string): Promise<{ readonly changed: boolean; readonly outcome: T }>
}

export interface Staged<T> {
  readonly change: Change<T>
  /** What it was merged with. */
  readonly over: StoredObject | null
  /** The new content; null where the file stays as it is. */
  readonly content: string | null
  readonly outcome: T
}

/** Another loader that replaced the file has made progress, and each of them needs some seconds: this many never come. */
const MOST_ATTEMPTS = 100

/** @param folder where the new content is put */
export async function stage<T>(lake: Lake, change: Change<T>, folder: string, signal: AbortSignal): Promise<Staged<T>> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (signal.aborted) throw interrupted()
    const over = await lake.store.find(lake.prefix + change.file, signal)
    const there = over === null ? null : join(folder, copyName(randomUUID(), change.file))
    try {
      if (over !== null && there !== null && !(await lake.fetch(over, there, signal))) continue
      const content = join(folder, `${randomUUID()}.parquet`)
      const { changed, outcome } = await change.merge(there, content).catch((error: unknown) => {
        throw there !== null && readsNonsense(error) ? damagedFile(lake.id, change.file) : error
      })
      return { change, over, content: changed ? content : null, outcome }
    } finally {
      if (there !== null) await rm(there, { force: true })
    }
  }
  throw contended(lake, change.file)
}

/**
 * Puts the new content into the lake; merges again where somebody else was faster.
 *
 * @param onMergedAgain called before what was merged again takes its place
 * @returns what became of it in the end
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
  new AuditError(`${lake.id}: others keep replacing ${file}`, {
    advice: 'Run it again when fewer loads of this lake run at once.',
    retryable: true,
  })
