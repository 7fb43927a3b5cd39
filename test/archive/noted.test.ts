/** Seals of what a run has archived itself, which is not read back. */

import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Archive, type ArchivePlace, archiveAt } from '../../src/archive/archive.js'
import type { Sealing } from '../../src/archive/sealing.js'
import { Tally } from '../../src/archive/tally.js'
import type { Document, Source } from '../../src/contract.js'
import { Journal } from '../../src/journal.js'
import type { Run } from '../../src/pipeline.js'
import { rulesOf } from '../../src/privacy/rules.js'
import { NO_PRIVACY } from '../../src/privacy/shown.js'
import { openDirectory } from '../../src/stores/index.js'
import { API, at, BUCKET, bytesOf, keysOf, reading, sealOf, write } from '../support/archived.js'
import { documentOf, loadInto, ndjson, newFolder, sourceOf } from '../support/load.js'
import { checkArchive, findingsOf, sealArchive, sealingOf } from '../support/sealing.js'
import { packed } from '../support/zstd.js'

async function placeIn(folder: string): Promise<ArchivePlace> {
  return { store: await openDirectory(folder), prefix: '', id: 'the archive' }
}

interface Loaded {
  readonly place: ArchivePlace
  readonly folder: string
  readonly archive: Archive
}

async function load(
  sources: readonly Source[],
  options: Partial<Run> = {},
  folder = join(newFolder(), 'archive'),
): Promise<Loaded> {
  const place = await placeIn(folder)
  const archive = archiveAt(place, null)
  await loadInto(new Tally(join(newFolder(), 'tally')), { sources }, { archive, ...options })
  return { place, folder, archive }
}

/** Seals with what the run knows. @returns how many documents were read back */
async function sealKnown({ place, archive: { noted } }: Loaded): Promise<number> {
  let documents = 0
  const sealing = await sealingOf(place, {})
  const count: Sealing['count'] = async (source) => {
    const counted = await sealing.count(source)
    documents += counted.documents.size
    return counted
  }
  expect((await sealArchive(place, { noted, count })).errors).toEqual([])
  expect(findingsOf(await checkArchive(place))).toEqual([])
  return documents
}

/** The seals that a run which knows nothing makes of the same objects. */
async function sealedAnew({ folder }: Loaded): Promise<ArchivePlace> {
  const copy = join(newFolder(), 'copy')
  cpSync(folder, copy, { recursive: true })
  const place = await placeIn(copy)
  await sealArchive(place)
  return place
}

async function expectSameSeals(loaded: Loaded): Promise<number> {
  const anew = await sealedAnew(loaded)
  const readBack = await sealKnown(loaded)
  const keys = (await keysOf(anew)).filter((key) => key.startsWith('seals/'))
  expect(keys.length).toBeGreaterThan(0)
  for (const key of keys)
    expect((await bytesOf(loaded.place, key)).toString()).toBe((await bytesOf(anew, key)).toString())
  return readBack
}

const days = (day: number, name: string, ...lines: unknown[]): Document =>
  documentOf(`${BUCKET}/2026-10-0${day}/${name}`, ndjson(...lines))

describe('a seal of what the run archived', () => {
  it('is the one that reading it back makes, to the byte', async () => {
    const shared = [at(1, 1), at(1, 1), at(1, 2, { action: 'mine' })]
    const bucket = [
      days(1, 'a', ...shared, '{cut', '[]'),
      days(1, 'b', ...shared, at(1, 1), at(1, 3), at(2, 4)),
      { ...documentOf(`${BUCKET}/2026-10-02.gz`, gzipSync(ndjson(at(2, 1), at(1, 1)))), version: 'v1' },
      days(2, 'empty'),
      documentOf(`${BUCKET}/other`, ndjson(at(1, 9), at(1, 9))),
      documentOf(`${BUCKET}/another`, '{cut'),
    ]
    const api = [reading(1, ndjson(at(1, 1, { actor_email: 'ada@example.com', run_asset: 7 }))), reading(2, '')]
    const privacy = { ...NO_PRIVACY, rules: rulesOf({ actor_email: 'drop' }) }
    const loaded = await load([sourceOf(bucket, BUCKET), sourceOf(api, API)], { privacy })
    expect(await expectSameSeals(loaded)).toBe(0)
    expect(await sealOf(loaded.place, BUCKET, 1)).toMatchObject({ lines: 11, events: 6, rejects: 2 })
  })

  it('adds up batches whose events follow one another', async () => {
    const bucket = [1, 2, 3].map((n) =>
      days(1, String(n), at(1, 10 * n), at(1, 10 * n, { action: 'user:logout' }), 'x'),
    )
    const loaded = await load([sourceOf(bucket, BUCKET)], { batchBytes: 1 })
    expect(await expectSameSeals(loaded)).toBe(0)
    expect(await sealOf(loaded.place, BUCKET, 1)).toMatchObject({
      events: 6,
      actions: { 'user:login': 3, 'user:logout': 3 },
    })
  })

  it('reads back batches that may have an event in common', async () => {
    const bucket = [days(1, 'a', at(1, 1), at(1, 5)), days(1, 'b', at(1, 5), at(1, 9)), days(2, 'c', at(2, 1))]
    const loaded = await load([sourceOf(bucket, BUCKET)], { batchBytes: 1 })
    expect(await expectSameSeals(loaded)).toBe(2)
    expect(await sealOf(loaded.place, BUCKET, 1)).toMatchObject({ lines: 4, events: 3 })
  })

  it('lists the days with most events of a document that has events of very many', async () => {
    const lines = Array.from({ length: 500 }, (_, i) => ({
      timestamp: new Date(Date.UTC(1970, 0, i % 450)).toISOString(),
      action: String(i),
    }))
    const loaded = await load([sourceOf([days(1, 'a', ...lines)], BUCKET)])
    expect(await expectSameSeals(loaded)).toBe(0)
    expect(Object.keys((await sealOf(loaded.place, BUCKET, 1)).days)).toHaveLength(400)
    const split = await load([sourceOf([days(1, 'a', ...lines), days(1, 'b', at(1, 1))], BUCKET)], { batchBytes: 1 })
    expect(await expectSameSeals(split)).toBe(2)
  })

  it('reads back a document of which only some days were loaded', async () => {
    const source = sourceOf([days(1, 'a', at(1, 1), at(2, 1)), days(2, 'b', at(2, 1))], BUCKET)
    const range = { from: new Date('2026-10-02T00:00:00Z'), to: new Date('2026-10-03T00:00:00Z') }
    const loaded = await load([], { jobs: [{ source, range, refetch: true }] })
    expect(await expectSameSeals(loaded)).toBe(2)
    expect(await sealOf(loaded.place, BUCKET, 1)).toMatchObject({ lines: 2, events: 2 })
  })

  it('reads back a day of which another run archived a part, or of which an object has changed', async () => {
    const first = await load([sourceOf([days(1, 'a', at(1, 1))], BUCKET)])
    const second = await load([sourceOf([days(1, 'b', at(1, 2)), days(2, 'c', at(2, 1))], BUCKET)], {}, first.folder)
    expect(await expectSameSeals(second)).toBe(2)
    expect(await sealOf(second.place, BUCKET, 1)).toMatchObject({ events: 2 })
    const third = await load([sourceOf([days(1, 'a', at(1, 1))], BUCKET)])
    const [key = ''] = await keysOf(third.place)
    await write(third.place, key, Buffer.concat([await bytesOf(third.place, key), await packed('')]))
    expect(await sealKnown(third)).toBe(1)
  })

  it('states what was archived, also if somebody has put another object of the same size in its place', async () => {
    const { place, archive } = await load([sourceOf([days(1, 'a', at(1, 1), at(1, 2))], BUCKET)])
    const [key = ''] = await keysOf(place)
    const bytes = Buffer.from(await bytesOf(place, key))
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9)
    await write(place, key, bytes)
    await sealArchive(place, { noted: archive.noted })
    expect(await sealOf(place, BUCKET, 1)).toMatchObject({ events: 2, unreadable: [], documents: [{ key }] })
    expect(findingsOf(await checkArchive(place))).toEqual([`document altered ${BUCKET} 2026-10-01 ×1`])
  })

  it('states the heading of the object that was there before', async () => {
    const source = () => [sourceOf([days(1, 'a', at(1, 1))], BUCKET)]
    const { folder } = await load(source())
    const again = await load(source(), {}, folder)
    expect(await expectSameSeals(again)).toBe(0)
  })

  it('reads everything back after a crash, which counting may have caused', async () => {
    const journal = new Journal(['the seal'], [{ type: 'died', how: 'a crash' }])
    expect(await sealKnown(await load([sourceOf([days(1, 'a', at(1, 1))], BUCKET)], { journal }))).toBe(1)
  })
})
