/** What seals prove, whatever is done to an archive afterwards. */

import { generateKeyPairSync } from 'node:crypto'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ArchivePlace } from '../../src/archive/archive.js'
import { sealBytes, sealKey } from '../../src/archive/seal.js'
import { archiveSources } from '../../src/archive/source.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { openDirectory } from '../../src/stores/index.js'
import { API, archive, at, BUCKET, bytesOf, keysOf, reading, remove, sealOf, write } from '../support/archived.js'
import { sha256 } from '../support/exact.js'
import { documentOf, ndjson, never, newFolder } from '../support/load.js'
import { checkArchive, findingsOf, sealArchive } from '../support/sealing.js'
import { packed, unpacked } from '../support/zstd.js'

async function placeIn(folder: string): Promise<ArchivePlace> {
  return { store: await openDirectory(folder), prefix: '', id: 'the archive' }
}
const newArchivePlace = (): Promise<ArchivePlace> => placeIn(join(newFolder(), 'archive'))

/** Two sources, two days of one of them, and one document without a day. */
async function makeSealed(place: ArchivePlace): Promise<void> {
  await archive(place, API, [reading(1, ndjson(at(1, 1), at(1, 2), at(1, 2), '{cut')), reading(2, ndjson(at(2, 1)))])
  await archive(place, API, [reading(1, ndjson(at(1, 2), at(1, 2), at(1, 3, { action: 'mine: eve@example.com' })))])
  await archive(place, BUCKET, [
    documentOf('s3://logs/2026-10-01/a.json.gz', gzipSync(ndjson(at(1, 7), at(2, 7))), 'v1'),
    documentOf('s3://logs/other', ndjson(at(1, 9))),
  ])
  const { errors } = await sealArchive(place)
  expect(errors).toEqual([])
}

/** Sealing takes long, so each test gets a copy. */
const template = join(newFolder(), 'archive')
beforeAll(async () => makeSealed(await placeIn(template)))

async function sealedPlace(): Promise<ArchivePlace> {
  const folder = join(newFolder(), 'archive')
  cpSync(template, folder, { recursive: true })
  return placeIn(folder)
}

describe('seals', () => {
  it('state what a finished day holds, and the hash of the seal before', async () => {
    const place = await sealedPlace()
    const keys = await keysOf(place)
    expect(keys.filter((key) => key.startsWith('seals/'))).toEqual([
      ...[1, 2].map((number) => sealKey(API, number)),
      ...[1, 2].map((number) => sealKey(BUCKET, number)),
    ])
    const first = await sealOf(place, API, 1)
    expect(first).toMatchObject({
      ...{ source: API, number: 1, day: '2026-10-01', previous: null, supersedes: null, latest_day: '2026-10-01' },
      // Readings overlap: 2 and its repeat are in both.
      ...{ lines: 7, events: 4, rejects: 1, actions: { 'user:login': 3 }, other_actions: 1, unreadable: [] },
      days: { '2026-10-01': { events: 4, digest: expect.stringMatching(/^\d+$/) } },
      other_days: { events: 0, digest: '0' },
    })
    expect(first.documents).toHaveLength(2)
    for (const { key, document, sha256: stated, bytes } of first.documents) {
      const text = unpacked(await bytesOf(place, key))
      const original = text.subarray(text.indexOf('\n') + 1)
      expect([key.includes(stated), stated, bytes]).toEqual([true, sha256(original), original.length])
      expect(document).toBe(`${API}?day=2026-10-01`)
    }
    expect(await sealOf(place, API, 2)).toMatchObject({
      ...{ number: 2, day: '2026-10-02', previous: sha256(await bytesOf(place, sealKey(API, 1))) },
    })
    expect(await sealOf(place, BUCKET, 1)).toMatchObject({
      ...{ day: '2026-10-01', events: 2, days: { '2026-10-01': { events: 1 }, '2026-10-02': { events: 1 } } },
    })
    expect(await sealOf(place, BUCKET, 2)).toMatchObject({ day: null, events: 1, latest_day: '2026-10-01' })
    const all = Buffer.concat(
      await Promise.all(keys.filter((key) => /^seals/.test(key)).map((key) => bytesOf(place, key))),
    )
    expect(all.toString()).not.toContain('example.com')
    const report = await checkArchive(place)
    expect([report.documents, report.seals, findingsOf(report)]).toEqual([5, 4, []])
  })

  it('are made once', async () => {
    const place = await sealedPlace()
    const before = await keysOf(place)
    expect(await sealArchive(place)).toEqual({ seals: [], errors: [] })
    expect(await keysOf(place)).toEqual(before)
  })

  it('are not loaded, and are no strangers to a replay', async () => {
    const place = await sealedPlace()
    const warnings: string[] = []
    const options = { concurrency: 4, signal: never, onWarning: (text: string) => void warnings.push(text) }
    const sources = await archiveSources(place, options)
    expect(sources.map(({ id }) => id).sort()).toEqual([API, BUCKET])
    expect(warnings).toEqual([])
  })

  it('wait until the day is finished', async () => {
    const place = await newArchivePlace()
    await archive(place, API, [reading(1, ndjson(at(1, 1))), reading(2, ndjson(at(2, 1)))])
    const { seals } = await sealArchive(place, { openDay: '2026-10-02' })
    expect(seals.map(({ day }) => day)).toEqual(['2026-10-01'])
    const report = await checkArchive(place, { openDay: '2026-10-02' })
    expect(findingsOf(report)).toEqual([`document not sealed yet ${API} 2026-10-02 ×1`])
    expect(report.findings.filter(({ kind }) => kind !== 'document not sealed yet' && kind !== 'stray object')).toEqual(
      [],
    )
    expect(findingsOf(await checkArchive(place))).toEqual([`document not sealed ${API} 2026-10-02 ×1`])
  })

  it('are superseded when a document comes late', async () => {
    const place = await sealedPlace()
    await archive(place, API, [reading(1, ndjson(at(1, 5)))])
    const { seals } = await sealArchive(place)
    expect(seals).toMatchObject([{ source: API, number: 3, day: '2026-10-01', supersedes: 1, documents: 3 }])
    expect(await sealOf(place, API, 3)).toMatchObject({ events: 5, latest_day: '2026-10-02', supersedes: 1 })
    await archive(place, BUCKET, [documentOf('s3://logs/third', ndjson(at(1, 8)))])
    const undated = await sealArchive(place)
    expect(undated.seals).toMatchObject([{ source: BUCKET, day: null, supersedes: null, documents: 1 }])
    expect(findingsOf(await checkArchive(place))).toEqual([])
  })

  it('show each document that was removed, replaced or cut, also after the day is sealed again', async () => {
    const place = await sealedPlace()
    const keys = (await keysOf(place)).filter((key) => !key.startsWith('seals/'))
    for (const key of keys) {
      const whole = await bytesOf(place, key)
      const [, source = '', day = ''] = /^([^/]+)\/([^/]+)/.exec(key) ?? []
      const where = `${decodeURIComponent(source)} ${day} ×1`
      const text = unpacked(whole)
      const heading = text.subarray(0, text.indexOf('\n') + 1)
      for (const forged of [
        await packed(Buffer.concat([heading, Buffer.from(ndjson(at(1, 66)))])),
        await packed(text.toString('latin1').replace(/"read_at":"\d/, '"read_at":"3')),
        await packed('{}\n'),
        whole.subarray(0, -9),
        Buffer.alloc(0),
      ]) {
        await write(place, key, forged)
        expect(findingsOf(await checkArchive(place))).toEqual([`document altered ${where}`])
      }
      await remove(place, key)
      const missing = [`document missing ${where.replace(' undated', ' null')}`]
      expect(findingsOf(await checkArchive(place))).toEqual(missing)
      await write(place, key, whole)
    }
    const [key = ''] = keys
    await remove(place, key)
    expect((await sealArchive(place)).seals).toHaveLength(1)
    expect((await checkArchive(place)).findings).toMatchObject([{ kind: 'document missing', example: key }])
  })

  it('show each seal that was cut out, altered or replaced', async () => {
    const place = await sealedPlace()
    await archive(place, API, [reading(1, ndjson(at(1, 5)))])
    await sealArchive(place)
    const [first, second] = [sealKey(API, 1), sealKey(API, 2)]
    const [whole, other] = [await bytesOf(place, first), await bytesOf(place, second)]
    await remove(place, first)
    expect(findingsOf(await checkArchive(place))).toContain(`seal missing ${API} null ×1`)
    await write(place, first, other)
    expect(findingsOf(await checkArchive(place))).toContain(`seal altered ${API} null ×1`)
    await write(place, first, whole.subarray(0, -9))
    expect(findingsOf(await checkArchive(place))).toContain(`seal altered ${API} null ×1`)
    await write(place, first, whole.toString().replace('"rejects":1', '"rejects":0'))
    expect(findingsOf(await checkArchive(place))).toContain(`seal out of chain ${API} 2026-10-02 ×1`)
    await write(place, first, whole)
    await remove(place, second)
    expect(findingsOf(await checkArchive(place))).toContain(`seal missing ${API} null ×1`)
  })

  it('show that the end of the chain was cut off or replaced, if a newer one is known', async () => {
    const place = await sealedPlace()
    const { heads } = await checkArchive(place)
    expect(findingsOf(await checkArchive(place, { anchors: heads }))).toEqual([])
    const last = await bytesOf(place, sealKey(API, 2))
    await remove(place, sealKey(API, 2))
    for (const key of await keysOf(place)) if (key.includes('/2026-10-02/')) await remove(place, key)
    expect(findingsOf(await checkArchive(place))).toEqual([])
    expect(findingsOf(await checkArchive(place, { anchors: heads }))).toEqual([`end missing ${API} null ×1`])
    await write(place, sealKey(API, 2), last.toString().replace('"rejects":0', '"rejects":9'))
    expect(findingsOf(await checkArchive(place, { anchors: heads }))).toContain(`seal altered ${API} 2026-10-02 ×1`)
    const gone = [{ source: 'never seen', number: 1, sha256: sha256('x') }]
    expect(findingsOf(await checkArchive(place, { anchors: gone }))).toContain('end missing never seen null ×1')
  })

  it('are forged in vain where they are signed', async () => {
    const place = await newArchivePlace()
    await archive(place, API, [reading(1, ndjson(at(1, 1))), reading(2, ndjson(at(2, 1)))])
    const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
    await sealArchive(place, { signKey: ours.privateKey })
    const check = () => checkArchive(place, { publicKeys: [ours.publicKey] })
    expect(findingsOf(await check())).toEqual([])
    const key = sealKey(API, 2)
    const whole = await bytesOf(place, key)
    const { wandb_audit_seal: _, ...seal } = await sealOf(place, API, 2)
    await write(place, key, sealBytes({ ...seal, events: 9 }, null))
    expect(findingsOf(await check())).toEqual([`signature missing ${API} 2026-10-02 ×1`])
    await write(place, key, sealBytes({ ...seal, events: 9 }, theirs.privateKey))
    expect(findingsOf(await check())).toEqual([`signature bad ${API} 2026-10-02 ×1`])
    await write(place, key, whole.toString().replace('"rejects":0', '"rejects":9'))
    expect(findingsOf(await check())).toEqual([`signature bad ${API} 2026-10-02 ×1`])
    await write(place, key, whole)
    expect(findingsOf(await check())).toEqual([])
  })

  it('say which documents cannot be read, and seal the others', async () => {
    const place = await newArchivePlace()
    await archive(place, API, [reading(1, ndjson(at(1, 1)))])
    await archive(place, API, [reading(1, ndjson(at(1, 2)))])
    const [key = ''] = await keysOf(place)
    const whole = await bytesOf(place, key)
    await write(place, key, whole.subarray(0, -9))
    expect((await sealArchive(place)).seals).toMatchObject([{ number: 1, documents: 1, uncounted: 1 }])
    expect(await sealOf(place, API, 1)).toMatchObject({ unreadable: [key], events: 1 })
    expect(findingsOf(await checkArchive(place))).toEqual([`document altered ${API} 2026-10-01 ×1`])
    expect((await sealArchive(place)).seals).toEqual([])
    await write(place, key, whole)
    expect((await sealArchive(place)).seals).toMatchObject([{ number: 2, documents: 2, uncounted: 0, supersedes: 1 }])
    expect(findingsOf(await checkArchive(place))).toEqual([])
  })

  it('go on after something else was written in their place', async () => {
    const place = await sealedPlace()
    await write(place, sealKey(API, 3), 'not a seal')
    await archive(place, API, [reading(1, ndjson(at(1, 5)))])
    expect((await sealArchive(place)).seals).toMatchObject([{ number: 4, supersedes: 1 }])
    expect((await sealOf(place, API, 4)).previous).toBe(sha256('not a seal'))
    expect(findingsOf(await checkArchive(place))).toEqual([`seal altered ${API} null ×1`])
  })

  it('are refused by a store that replaces objects in spite of the condition', async () => {
    const place = await newArchivePlace()
    await archive(place, API, [reading(1, ndjson(at(1, 1))), reading(2, ndjson(at(2, 1)))])
    const store: ObjectStore = {
      ...place.store,
      write: (key, content, _, signal) => place.store.write(key, content, 'any', signal),
    }
    await expect(sealArchive({ ...place, store })).rejects.toThrow(/wrote over an object/)
    expect((await checkArchive(place)).seals).toBe(1)
  })

  it('seal documents whatever they, their sources and their actions are called', async () => {
    const place = await newArchivePlace()
    const sources = ['seals', '../..%2f/a\u202e\n"']
    const hostile = [`'; DROP TABLE tally; --`, 'x'.repeat(70_000), '\u0000', '__proto__', 'user:login ']
    const lines = hostile.map((action, i) => at(1, i, { action }))
    for (const source of sources)
      await archive(place, source, [
        documentOf('2026-10-01/../\u202e"\n', ndjson(...lines)),
        documentOf('2099-01-01', ndjson(at(1, 9))),
      ])
    const { seals, errors } = await sealArchive(place)
    expect(errors).toEqual([])
    expect(seals).toHaveLength(2 * sources.length)
    for (const source of sources) {
      expect(await sealOf(place, source, 1)).toMatchObject({
        source,
        day: '2026-10-01',
        actions: {},
        other_actions: 5,
      })
      // No log has a name of days to come, so it is sealed like one without a day.
      expect(await sealOf(place, source, 2)).toMatchObject({ source, day: null, latest_day: '2026-10-01' })
      expect((await bytesOf(place, sealKey(source, 1))).length).toBeLessThan(2000)
    }
    const report = await checkArchive(place)
    expect([report.documents, findingsOf(report)]).toEqual([2 * sources.length, []])
  })
})
