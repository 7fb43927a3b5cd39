/** Archives made by a test, and what a test does to their objects. */

import { join } from 'node:path'
import { type ArchivePlace, archiveAt } from '../../src/archive/archive.js'
import { parseSeal, type Seal, sealKey } from '../../src/archive/seal.js'
import { Tally } from '../../src/archive/tally.js'
import type { Document } from '../../src/contract.js'
import { joined } from '../landing/support.js'
import { type Content, documentOf, loadInto, never, newFolder, sourceOf } from './load.js'

export const at = (day: number, second: number, more: object = {}) => ({
  timestamp: new Date(Date.UTC(2026, 9, day, 12, 0, second)).toISOString(),
  action: 'user:login',
  actor_user_id: second,
  ...more,
})

export const API = 'https://acme.wandb.io/admin/audit_logs'
export const BUCKET = 's3://logs'

/** One reading of a day of the API. */
export const reading = (day: number, content: string): Document => ({
  ...documentOf(`${API}?day=2026-10-0${day}`, content),
  range: { from: new Date(Date.UTC(2026, 9, day)), to: new Date(Date.UTC(2026, 9, day + 1)) },
  isNdjson: true,
})

export async function archive(
  place: ArchivePlace,
  source: string,
  documents: readonly Document[],
  retainMs: number | null = null,
): Promise<void> {
  const sources = [sourceOf(documents, source)]
  await loadInto(new Tally(join(newFolder(), 'tally')), { sources }, { archive: archiveAt(place, retainMs) })
}

export async function keysOf({ store, prefix }: ArchivePlace): Promise<string[]> {
  const keys = []
  for await (const { key } of store.list(prefix, never)) keys.push(key.slice(prefix.length))
  return keys.sort()
}

export async function bytesOf({ store, prefix }: ArchivePlace, key: string): Promise<Buffer> {
  const found = await store.find(prefix + key, never)
  const read = found === null ? null : await store.read(found, 0, never)
  return read === null ? Buffer.alloc(0) : joined(read.chunks)
}

export const write = async ({ store, prefix }: ArchivePlace, key: string, content: Content) =>
  store.write(prefix + key, typeof content === 'string' ? Buffer.from(content) : content, 'any', never)
export const remove = ({ store, prefix }: ArchivePlace, key: string) => store.remove(prefix + key, never)

export const sealOf = async (place: ArchivePlace, source: string, number: number): Promise<Seal> =>
  parseSeal(await bytesOf(place, sealKey(source, number))).seal
