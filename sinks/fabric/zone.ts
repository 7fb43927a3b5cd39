/** The landing zone of one mirrored database: its paths, and transfers of whole files. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { interrupted } from '../../src/errors.js'
import { retrying } from '../../src/retry.js'
import type { Content, ObjectStore, StoredObject, WriteCondition } from '../../src/stores/contract.js'
import { wholeObject } from '../../src/stores/whole-object.js'

export interface Zone {
  /** The sink's address. */
  readonly id: string
  readonly store: ObjectStore
  /** `<item>/Files/LandingZone`, without a slash at the end. */
  readonly root: string
  onNotice(text: string): void
}

/**
 * Our own files. Mirroring ignores names that begin with an underscore.
 * https://learn.microsoft.com/fabric/mirroring/open-mirroring-best-practices
 */
export const OWN = '_wandb_audit'

/** Concurrent requests. */
const WIDTH = 8

const keyOf = (zone: Zone, path: string): string => `${zone.root}/${path}`

/** Objects below a path, with keys relative to the landing zone: OneLake may answer with an item's id although its name was asked for. */
export async function* list(zone: Zone, prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
  const root = '/Files/LandingZone/'
  for await (const object of zone.store.list(keyOf(zone, prefix), signal))
    yield { ...object, key: object.key.slice(object.key.indexOf(root) + root.length) }
}

export async function readText(
  zone: Zone,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly version: string } | null> {
  return whole(zone, path, signal, async (chunks, { version }) => {
    const parts: Uint8Array[] = []
    for await (const chunk of chunks) parts.push(chunk)
    return { text: Buffer.concat(parts).toString('utf8'), version }
  })
}

/** Downloads a file; false when there is none. */
export async function download(zone: Zone, path: string, to: string, signal: AbortSignal): Promise<boolean> {
  const written = await whole(zone, path, signal, async (chunks) => {
    await writeFile(to, chunks, { mode: 0o600 })
    return true
  })
  return written ?? false
}

/** Downloads files. Returns their local paths in the same order; null when one is gone. */
export async function downloadAll(
  zone: Zone,
  paths: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  const local = (path: string): string => join(folder, path.replaceAll('/', '-'))
  let complete = true
  await inParallel(paths, async (path) => {
    if (complete && !(await download(zone, path, local(path), signal))) complete = false
  })
  return complete ? paths.map(local) : null
}

/** @returns the version, or null when the condition did not hold */
export const upload = (
  zone: Zone,
  path: string,
  content: Content,
  condition: WriteCondition,
  signal: AbortSignal,
): Promise<string | null> => zone.store.write(keyOf(zone, path), content, condition, signal)

export const remove = (zone: Zone, paths: readonly string[], signal: AbortSignal): Promise<void> =>
  inParallel(paths, (path) => zone.store.remove(keyOf(zone, path), signal))

/** Works on several items at once. After a failure no new one starts, and all running ones have ended when this returns. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const waiting = items.values()
  let failed = false
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      if (failed) return
      await work(item).catch((error) => {
        failed = true
        throw error
      })
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(WIDTH, items.length) }, worker))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** Reads a whole file; starts over when the connection breaks or the file is replaced. Null when there is none. */
async function whole<T>(
  zone: Zone,
  path: string,
  signal: AbortSignal,
  take: (chunks: AsyncIterable<Uint8Array>, object: StoredObject) => Promise<T>,
): Promise<T | null> {
  const attempt = async (): Promise<T | null> => {
    for (;;) {
      const object = await zone.store.find(keyOf(zone, path), signal)
      if (object === null) return null
      const reading = await zone.store.read(object, 0, signal)
      if (reading !== null) return await take(wholeObject(zone.store, object, reading, signal), object)
    }
  }
  try {
    return await retrying(attempt, signal)
  } catch (error) {
    throw signal.aborted ? interrupted() : error
  }
}
