/** What a seal states is counted again from its documents. */

import { generateKeyPairSync } from 'node:crypto'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ArchivePlace } from '../../src/archive/archive.js'
import type { Finding } from '../../src/archive/findings.js'
import { recountSeals } from '../../src/archive/recount.js'
import { type Seal, sealBytes, sealKey } from '../../src/archive/seal.js'
import { AuditError } from '../../src/errors.js'
import { openDirectory } from '../../src/stores/index.js'
import { API, archive, at, BUCKET, keysOf, reading, remove, sealOf, write } from '../support/archived.js'
import { documentOf, ndjson, newFolder } from '../support/load.js'
import { checkArchive, findingsOf, sealArchive, sealingOf } from '../support/sealing.js'
import { packed } from '../support/zstd.js'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')

async function placeIn(folder: string): Promise<ArchivePlace> {
  return { store: await openDirectory(folder), prefix: '', id: 'the archive' }
}

/** Three seals of the API, of which the last one supersedes the first; one of a bucket's day, two without a day. */
const template = join(newFolder(), 'archive')
beforeAll(async () => {
  const place = await placeIn(template)
  const sealed = async () => expect((await sealArchive(place, { signKey: privateKey })).errors).toEqual([])
  await archive(place, API, [reading(1, ndjson(at(1, 1), at(1, 2), at(1, 2), '{cut')), reading(2, ndjson(at(2, 1)))])
  await archive(place, BUCKET, [
    documentOf(`${BUCKET}/2026-10-01/a.json.gz`, gzipSync(ndjson(at(1, 7), at(2, 7, { action: 'mine' }))), 'v1'),
    documentOf(`${BUCKET}/2026-10-01/b.json`, ndjson(at(1, 7), 'x'), 'v1'),
    documentOf(`${BUCKET}/other`, ndjson(at(1, 9))),
  ])
  await sealed()
  await archive(place, API, [reading(1, ndjson(at(1, 2), at(1, 2), at(1, 3)))])
  await archive(place, BUCKET, [documentOf(`${BUCKET}/another`, ndjson(at(1, 8)))])
  await sealed()
})

async function sealedPlace(): Promise<ArchivePlace> {
  const folder = join(newFolder(), 'archive')
  cpSync(template, folder, { recursive: true })
  return placeIn(folder)
}

async function recounted(place: ArchivePlace, isWanted: (day: string | null) => boolean = () => true) {
  const { findings, errors } = await recountSeals(await sealingOf(place, {}), isWanted)
  return { findings: findings.map((each: Finding) => `${each.kind} ${each.day} ${each.example}`), errors: errors.first }
}

type Stated = Omit<Seal, 'wandb_audit_seal'>

/** Replaces a seal by one that is changed and signed with the right key. */
async function forge(
  place: ArchivePlace,
  source: string,
  number: number,
  change: (seal: Stated) => Partial<Stated>,
): Promise<void> {
  const { wandb_audit_seal: _, ...seal } = await sealOf(place, source, number)
  await write(place, sealKey(source, number), sealBytes({ ...seal, ...change(seal) }, privateKey))
}

const first = ({ documents: [document, ...others] }: Stated, change: object): Partial<Stated> =>
  document === undefined ? {} : { documents: [{ ...document, ...change }, ...others] }

describe('a recount of seals', () => {
  it('finds nothing in what was sealed', async () => {
    const place = await sealedPlace()
    expect((await checkArchive(place)).seals).toBe(6)
    expect(await recounted(place)).toEqual({ findings: [], errors: [] })
  })

  it('counts an action that was documented only later among the others, as the seal does', async () => {
    const place = await sealedPlace()
    const { actions } = await sealOf(place, API, 1)
    expect(Object.keys(actions)).toHaveLength(1)
    await forge(place, API, 1, ({ events }) => ({ actions: {}, other_actions: events }))
    expect((await recounted(place)).findings).toEqual([])
    await forge(place, API, 1, ({ events }) => ({ actions: {}, other_actions: events - 1 }))
    expect((await recounted(place)).findings).toHaveLength(1)
  })

  it('finds each number and each document that is stated otherwise, although the seals are signed', async () => {
    const place = await sealedPlace()
    const changes: readonly ((seal: Stated) => Partial<Stated>)[] = [
      ({ lines }) => ({ lines: lines - 1 }),
      ({ events }) => ({ events: events + 1 }),
      () => ({ rejects: 0 }),
      ({ actions }) => ({ actions: { ...actions, 'user:logout': 1 } }),
      ({ other_actions }) => ({ other_actions: other_actions + 1 }),
      () => ({ days: {} }),
      ({ days }) => ({ days: { ...days, '2026-10-01': { events: 1, digest: '1' } } }),
      () => ({ other_days: { events: 1, digest: '1' } }),
      (seal) => first(seal, { lines: 9 }),
      (seal) => first(seal, { rejects: 9 }),
      (seal) => first(seal, { bytes: 9 }),
      (seal) => first(seal, { document: 'another' }),
      (seal) => first(seal, { version: null }),
      (seal) => first(seal, { sha256: '0'.repeat(64) }),
      () => ({}),
    ]
    const { wandb_audit_seal: _, ...seal } = await sealOf(place, BUCKET, 1)
    const numberOf = (i: number): number => 10 + i
    for (const [i, change] of changes.entries()) {
      const number = numberOf(i)
      await write(place, sealKey(BUCKET, number), sealBytes({ ...seal, ...change(seal), number }, privateKey))
    }
    const { findings } = await recountSeals(await sealingOf(place, {}), () => true)
    // The last one is as it was.
    expect(findings).toMatchObject([
      { kind: 'seal untrue', source: BUCKET, day: '2026-10-01', count: changes.length - 1 },
    ])
  })

  it('finds what only the recount can: a last seal that is in its chain and signed', async () => {
    const place = await sealedPlace()
    await forge(place, API, 3, ({ events }) => ({ events: events - 1 }))
    await forge(place, BUCKET, 3, ({ lines }) => ({ lines: lines + 1 }))
    expect(findingsOf(await checkArchive(place, { publicKeys: [publicKey] }))).toEqual([])
    expect((await recounted(place)).findings).toEqual([
      `seal untrue 2026-10-01 ${sealKey(API, 3)}`,
      `seal untrue null ${sealKey(BUCKET, 3)}`,
    ])
  })

  it('counts a superseded seal by its own documents', async () => {
    const place = await sealedPlace()
    await forge(place, API, 1, ({ rejects }) => ({ rejects: rejects + 1 }))
    expect((await recounted(place)).findings).toEqual([`seal untrue 2026-10-01 ${sealKey(API, 1)}`])
  })

  it('takes the chosen days only', async () => {
    const place = await sealedPlace()
    for (const number of [1, 2]) await forge(place, API, number, () => ({ lines: 0 }))
    const { findings } = await recounted(place, (day) => day === '2026-10-02')
    expect(findings).toEqual([`seal untrue 2026-10-02 ${sealKey(API, 2)}`])
  })

  it('passes over seals of documents that are gone or were altered, which the check finds', async () => {
    const place = await sealedPlace()
    const documents = (await keysOf(place)).filter((key) => !key.startsWith('seals/'))
    const of = (part: string): string => documents.find((key) => decodeURIComponent(key).startsWith(part)) ?? ''
    await remove(place, of(`${API}/2026-10-02`))
    await write(place, of(`${BUCKET}/2026-10-01`), await packed('{}\n'))
    await forge(place, API, 2, () => ({ lines: 0 }))
    await forge(place, BUCKET, 1, () => ({ lines: 0 }))
    expect(await recounted(place)).toEqual({ findings: [], errors: [] })
  })

  it('is not stopped by a forged seal, whatever documents it names', async () => {
    const place = await sealedPlace()
    const name = encodeURIComponent(API)
    for (const key of [
      `${name}/../x/${'0'.repeat(64)}.zst`,
      `${name}/\0/x/${'0'.repeat(64)}.zst`,
      'no key',
      '/etc/passwd',
    ])
      for (const source of [API, BUCKET]) {
        await forge(place, source, 1, (seal) => first(seal, { key }))
        expect((await recounted(place)).findings).toEqual([])
      }
  })

  it('says which seals could not be recounted', async () => {
    const place = await sealedPlace()
    const { count, ...others } = await sealingOf(place, {})
    const failing = async (...args: Parameters<typeof count>) => {
      if (args[0].id === BUCKET) throw new AuditError('out of memory')
      return count(...args)
    }
    await forge(place, API, 1, () => ({ lines: 0 }))
    const { findings, errors } = await recountSeals({ ...others, count: failing }, () => true)
    expect(findings).toHaveLength(1)
    expect(errors.first.map(({ message }) => message)).toEqual(Array.from({ length: 3 }, () => 'out of memory'))
  })

  it('keeps some of the errors when everything fails in the same way', async () => {
    const place = await sealedPlace()
    const { wandb_audit_seal: _, ...seal } = await sealOf(place, BUCKET, 1)
    for (let number = 10; number < 30; number++)
      await write(place, sealKey(BUCKET, number), sealBytes({ ...seal, number }, privateKey))
    const sealing = await sealingOf(place, {})
    const count = async (): Promise<never> => {
      throw new AuditError('it must be restored')
    }
    const { errors } = await recountSeals({ ...sealing, count }, () => true)
    expect(errors.first).toHaveLength(20)
    expect(errors.more).toBe(6)
  })
})
