/** Reads the seals of an archive, or whatever has been put under their names. */

import type { StoredObject } from '../stores/contract.js'
import type { ArchivePlace } from './archive.js'
import { readSeal } from './chain.js'
import { parseSeal, parseSealKey, type ReadSeal } from './seal.js'

/** Source → number → object. */
export async function sealsBySource(
  { store, prefix }: ArchivePlace,
  signal: AbortSignal,
): Promise<Map<string, Map<number, StoredObject>>> {
  const sources = new Map<string, Map<number, StoredObject>>()
  for await (const object of store.list(`${prefix}seals/`, signal)) {
    const parsed = parseSealKey(object.key.slice(prefix.length))
    if (parsed === null) continue
    const objects = sources.get(parsed.source) ?? new Map<number, StoredObject>()
    sources.set(parsed.source, objects.set(parsed.number, object))
  }
  return sources
}

export type SealBytes = Awaited<ReturnType<typeof readSeal>>

export async function* inOrder(
  { store }: ArchivePlace,
  objects: ReadonlyMap<number, StoredObject>,
  { concurrency, signal }: { readonly concurrency: number; readonly signal: AbortSignal },
): AsyncGenerator<{ number: number; object: StoredObject; read: SealBytes }> {
  const sorted = [...objects].sort(([a], [b]) => a - b)
  for (let i = 0; i < sorted.length; i += concurrency) {
    const some = sorted.slice(i, i + concurrency)
    yield* await Promise.all(
      some.map(async ([number, object]) => ({ number, object, read: await readSeal(store, object, signal) })),
    )
  }
}

/** Null if it is not a seal. */
export function parsedSeal(bytes: Buffer): ReadSeal | null {
  try {
    return parseSeal(bytes)
  } catch {
    return null
  }
}
