/** What an archive must do in every store: originals kept before any sink gets them, never overwritten, and loaded back. */

import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { type ArchivePlace, archiveAt } from '../../src/archive/archive.js'
import { checkLocks } from '../../src/archive/check.js'
import { archiveSources } from '../../src/archive/source.js'
import type { Sink, Source } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { joined } from '../landing/support.js'
import { sha256 } from '../support/exact.js'
import { countsOf, documentOf, loadInto, ndjson, never, newFolder } from '../support/load.js'
import { API, at, LOADS } from '../support/loads.js'
import { Killed, mortal } from '../support/mortal-store.js'
import { contentOf, rowsOf } from '../support/rows.js'
import { packed, unpacked } from '../support/zstd.js'

export interface ArchiveTestPlace {
  readonly store: ObjectStore
  /** Empty below it, with a slash at its end unless it is all of the store. */
  readonly prefix: string
}

/** A place that can lock objects. */
export interface LockedTestPlace extends ArchiveTestPlace {
  /** The same store, in a bucket that was made without locks. */
  readonly unlocking?: ObjectStore
}

export const newSink = async (): Promise<Sink> =>
  duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })

/** @param newPlace makes an empty one */
export async function newArchivePlace(newPlace: () => Promise<ArchiveTestPlace>): Promise<ArchivePlace> {
  return { ...(await newPlace()), id: 'the archive' }
}

/** Below the prefix, in order. */
export async function keysOf({ store, prefix }: ArchivePlace): Promise<string[]> {
  const keys = []
  for await (const { key } of store.list(prefix, never)) keys.push(key.slice(prefix.length))
  return keys.sort()
}

/** A DuckDB file of everything, archived on its way. */
export async function loadAll(place: ArchivePlace): Promise<Sink> {
  const sink = await newSink()
  for (const sources of LOADS) await loadInto(sink, { sources }, { archive: archiveAt(place, null) })
  return sink
}

export const replayed = async (
  place: ArchivePlace,
  warnings: string[] = [],
): Promise<{ sources: readonly Source[] }> => ({
  sources: await archiveSources(place, { concurrency: 4, signal: never, onWarning: (text) => warnings.push(text) }),
})

async function bytesOf({ store }: ArchivePlace, key: string): Promise<Buffer> {
  const found = await store.find(key, never)
  const reading = found === null ? null : await store.read(found, 0, never)
  return unpacked(reading === null ? Buffer.alloc(0) : await joined(reading.chunks))
}

const RECEIPTS =
  'SELECT source, document, document_version, sha256, bytes, range_from, range_to, rows_read, rejected FROM audit_documents ORDER BY ALL'
const PLACES = 'SELECT content_hash, source_document, source_line FROM audit_events ORDER BY ALL'
const CONFLICTS = 'SELECT * EXCLUDE (load_id, loaded_at) FROM audit_conflicts ORDER BY ALL'

export function archiveConformance(name: string, newPlace: () => Promise<ArchiveTestPlace>): void {
  describe(`an archive in ${name}`, () => {
    it('keeps the bytes as they came, under source, day, document and SHA-256', async () => {
      const place = await newArchivePlace(newPlace)
      await loadAll(place)
      const keys = await keysOf(place)
      expect(keys).toHaveLength(8)
      const original = gzipSync(ndjson(at(1), at(2), '{cut', '{cut', at(9)))
      const key = keys.find((each) => each.endsWith(`${sha256(original)}.zst`)) ?? ''
      expect(key).toMatch(/^s3%3A%2F%2Flogs\/2026-10-01\/b\.json\.gz-[0-9a-f]{32}\/[0-9a-f]{64}\.zst$/)
      const content = await bytesOf(place, place.prefix + key)
      expect(content.subarray(content.indexOf('\n') + 1)).toEqual(original)
      expect(keys.filter((each) => each.startsWith(`${encodeURIComponent(API)}/2026-10-01/`))).toHaveLength(3)
    })

    it('loads back into the same tables, row by row, with the names that were read first', async () => {
      const place = await newArchivePlace(newPlace)
      const original = await loadAll(place)
      const sink = await newSink()
      const summary = await loadInto(sink, await replayed(place))
      expect(summary).toMatchObject({ documents: 8, failed: [] })
      expect(await contentOf(sink)).toEqual(await contentOf(original))
      for (const sql of [PLACES, CONFLICTS]) expect(await rowsOf(sink, sql)).toEqual(await rowsOf(original, sql))
      const receipts = await rowsOf(original, RECEIPTS)
      expect(await rowsOf(sink, RECEIPTS)).toEqual(
        // The API has to be asked again: nobody knows whether the archive has all readings of a day.
        receipts.map((row) => ({
          ...row,
          ...(row.source === API ? { document_version: `replayed ${row.document_version}` } : {}),
        })),
      )
      expect(await rowsOf(original, CONFLICTS)).toHaveLength(1)
      for (const each of [original, sink]) await each.close()
    })

    it('takes an equal document as archived, and writes nothing over it', async () => {
      const place = await newArchivePlace(newPlace)
      const archive = archiveAt(place, null)
      const document = documentOf('a', ndjson(at(1)))
      const sinks = [await newSink(), await newSink()]
      for (const sink of sinks) expect((await loadInto(sink, [document], { archive })).documents).toBe(1)
      const found = []
      for await (const { version } of place.store.list(place.prefix, never)) found.push(version)
      expect(found).toHaveLength(1)
      for (const sink of sinks) await sink.close()
    })

    it('loads no document in whose place something else lies, and all others', async () => {
      const place = await newArchivePlace(newPlace)
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(at(1)) }, { archive: archiveAt(place, null) })
      const [key = ''] = await keysOf(place)
      await place.store.write(place.prefix + key, await packed('{}\nforged'), 'any', never)
      const other = await newSink()
      const contents = { a: ndjson(at(1)), b: ndjson(at(2)), c: ndjson(at(3)) }
      const summary = await loadInto(other, contents, { archive: archiveAt(place, null) })
      expect(summary.failed).toMatchObject([
        { document: 'a', error: expect.stringMatching(/^archiving a failed: .*heading is damaged/) },
      ])
      expect(countsOf(summary)).toEqual([2, 0, 0, 0])
      for (const each of [sink, other]) await each.close()
    })

    it('keeps nothing of a document that is refused', async () => {
      const place = await newArchivePlace(newPlace)
      const sink = await newSink()
      const summary = await loadInto(
        sink,
        { a: ndjson(at(1)), b: ndjson('no', 'log') },
        { archive: archiveAt(place, null), maxRejects: 0 },
      )
      expect(summary.failed).toMatchObject([{ document: 'b' }])
      expect(await keysOf(place)).toHaveLength(1)
      await sink.close()
    })

    it('loads nothing that it could not keep', async () => {
      const place = await newArchivePlace(newPlace)
      const denied = new AuditError('access denied', { outside: true })
      const store = { ...place.store, write: () => Promise.reject(denied) }
      const sink = await newSink()
      await expect(
        loadInto(sink, { a: ndjson(at(1)) }, { archive: archiveAt({ ...place, store }, null) }),
      ).rejects.toBe(denied)
      expect(await sink.receipts('test')).toEqual(new Map())
      expect((await contentOf(sink)).audit_events).toEqual([])
      await sink.close()
    })

    it('ends consistent when it is killed at any write, or between archive and sink', async () => {
      for (let writes = 0; writes <= 3; writes++) {
        const place = await newArchivePlace(newPlace)
        const sink = await newSink()
        const contents = { a: ndjson(at(1)), b: ndjson(at(2)), c: ndjson(at(3)) }
        const dying = archiveAt({ ...place, store: mortal(place.store, writes) }, null)
        const killed: Sink = { ...sink, load: () => Promise.reject(new Killed('the process is gone')) }
        await loadInto(killed, contents, { archive: dying }).catch(() => {})
        expect(await keysOf(place)).toHaveLength(writes)
        expect(await sink.receipts('test')).toEqual(new Map())
        expect(countsOf(await loadInto(sink, contents, { archive: archiveAt(place, null) }))).toEqual([3, 0, 0, 0])
        const fresh = await newSink()
        await loadInto(fresh, await replayed(place))
        expect(await contentOf(fresh)).toEqual(await contentOf(sink))
        for (const each of [sink, fresh]) await each.close()
      }
    })

    it('loads no object back that was altered, cut short or moved, and all others', async () => {
      const place = await newArchivePlace(newPlace)
      const sink = await newSink()
      const contents = { a: ndjson(at(1)), b: ndjson(at(2)), c: ndjson(at(3)), d: ndjson(at(4)) }
      await loadInto(sink, contents, { archive: archiveAt(place, null) })
      await sink.close()
      const keyOf = async (id: string) => (await keysOf(place)).find((key) => key.includes(`/${id}-`)) ?? ''
      const [a, b, c] = [await keyOf('a'), await keyOf('b'), await keyOf('c')]
      const original = await bytesOf(place, place.prefix + a)
      await place.store.write(
        place.prefix + a,
        await packed(original.subarray(0, original.indexOf('\n') + 1)),
        'any',
        never,
      )
      await place.store.write(
        place.prefix + b,
        (await packed(await bytesOf(place, place.prefix + b))).subarray(0, -9),
        'any',
        never,
      )
      await place.store.write(
        place.prefix + c.replace('/c-', '/x-'),
        await packed(await bytesOf(place, place.prefix + c)),
        'any',
        never,
      )
      await place.store.remove(place.prefix + c, never)
      await place.store.write(`${place.prefix}note.txt`, Buffer.from('hello'), 'any', never)
      const fresh = await newSink()
      const warnings: string[] = []
      const summary = await loadInto(fresh, await replayed(place, warnings))
      expect(summary.failed).toHaveLength(3)
      for (const { error } of summary.failed) expect(error).toMatch(/damaged or was replaced/)
      expect(await rowsOf(fresh, 'SELECT source_document FROM audit_events')).toEqual([{ source_document: 'd' }])
      expect(warnings).toEqual([expect.stringMatching(/not archived documents \(1, for example .*note\.txt\)/)])
      await fresh.close()
    })
  })
}

const YEAR_MS = 366 * 86_400_000

/** What an archive must do in a store that can lock objects. */
export function lockConformance(name: string, newPlace: () => Promise<LockedTestPlace>): void {
  describe(`locks in ${name}`, () => {
    it('keep everyone from deleting or replacing what is archived, and are read back', async () => {
      const place = { ...(await newPlace()), id: 'the archive' }
      const sink = await newSink()
      const started = Date.now()
      await loadInto(sink, { a: ndjson(at(1)) }, { archive: archiveAt(place, 6 * YEAR_MS) })
      await loadInto(sink, { b: ndjson(at(2)) }, { archive: archiveAt(place, 7 * YEAR_MS) })
      const report = await checkLocks(place, new Date(), never)
      expect(report).toMatchObject({ objects: 2, unlocked: 0, example: null })
      const until = report.until?.getTime() ?? 0
      // Stores keep whole seconds.
      expect(until).toBeGreaterThan(started + 6 * YEAR_MS - 1000)
      expect(until).toBeLessThanOrEqual(Date.now() + 6 * YEAR_MS)
      for await (const { key } of place.store.list(place.prefix, never)) {
        await expect(place.store.remove(key, never)).rejects.toThrow(AuditError)
        await expect(place.store.write(key, Buffer.from('forged'), 'any', never)).rejects.toThrow(AuditError)
      }
      const again = await newSink()
      expect((await loadInto(again, { a: ndjson(at(1)) }, { archive: archiveAt(place, 6 * YEAR_MS) })).failed).toEqual(
        [],
      )
      await again.close()
      const later = new Date(started + 6.5 * YEAR_MS)
      expect(await checkLocks(place, later, never)).toMatchObject({ objects: 2, unlocked: 1 })
      await sink.close()
    })

    it('are missing where none was asked for', async () => {
      const place = { ...(await newPlace()), id: 'the archive' }
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(at(1)) }, { archive: archiveAt(place, null) })
      expect(await checkLocks(place, new Date(), never)).toMatchObject({
        objects: 1,
        unlocked: 1,
        example: expect.stringContaining('/a-'),
        until: null,
      })
      await sink.close()
    })

    it('that the bucket does not know stop the load, with advice', async () => {
      const { unlocking, prefix } = await newPlace()
      if (unlocking === undefined) return expect(name).toContain('Azure')
      const sink = await newSink()
      const archive = archiveAt({ store: unlocking, prefix, id: 'the archive' }, YEAR_MS)
      await expect(loadInto(sink, { a: ndjson(at(1)) }, { archive })).rejects.toMatchObject({
        message: expect.stringMatching(/the bucket (has no Object Lock|does not let objects be retained)/),
        advice: expect.stringContaining('docs/retention.md'),
      })
      expect(await sink.receipts('test')).toEqual(new Map())
      await sink.close()
    })
  })
}
