/** What seals must do in every store: form one chain whoever writes, and show what is gone. */

import { describe, expect, it } from 'vitest'
import type { ArchivePlace } from '../../src/archive/archive.js'
import { checkLocks } from '../../src/archive/check.js'
import { sealKey } from '../../src/archive/seal.js'
import { API, archive, at, BUCKET, keysOf, reading, remove } from '../support/archived.js'
import { documentOf, ndjson, never, newEngine } from '../support/load.js'
import { Killed, mortal } from '../support/mortal-store.js'
import { checkArchive, findingsOf, sealArchive } from '../support/sealing.js'
import type { ArchiveTestPlace } from './archives.js'

export function sealConformance(name: string, newPlace: () => Promise<ArchiveTestPlace>): void {
  const newArchivePlace = async (): Promise<ArchivePlace> => ({ ...(await newPlace()), id: 'the archive' })

  describe(`seals in ${name}`, () => {
    it('form one chain when several processes seal at once', async () => {
      const place = await newArchivePlace()
      await archive(place, API, [reading(1, ndjson(at(1, 1))), reading(2, ndjson(at(2, 1)))])
      await archive(place, BUCKET, [documentOf('s3://logs/2026-10-01/a', ndjson(at(1, 7)), 'v1')])
      const all = await Promise.all(
        [1, 2, 3].map(async (ms) => sealArchive(place, { now: () => new Date(ms) }, await newEngine())),
      )
      expect(all.flatMap(({ errors }) => errors)).toEqual([])
      // Each day is sealed once, and one process says so.
      expect(all.flatMap(({ seals }) => seals.map(({ source, day }) => `${source} ${day}`)).sort()).toEqual([
        `${API} 2026-10-01`,
        `${API} 2026-10-02`,
        `${BUCKET} 2026-10-01`,
      ])
      expect(findingsOf(await checkArchive(place))).toEqual([])
    })

    it('end consistent when the process is killed at any write', async () => {
      // The first seal is written twice.
      for (let writes = 0; writes <= 3; writes++) {
        const place = await newArchivePlace()
        await archive(place, API, [reading(1, ndjson(at(1, 1))), reading(2, ndjson(at(2, 1)))])
        const dying = { ...place, store: mortal(place.store, writes) }
        const killed = await sealArchive(dying).catch((error: unknown) => error)
        expect(killed instanceof Killed).toBe(writes < 3)
        await sealArchive(place)
        expect((await checkArchive(place)).seals).toBe(2)
        expect(findingsOf(await checkArchive(place))).toEqual([])
      }
    })

    it('show a document and a seal that are gone', async () => {
      const place = await newArchivePlace()
      await archive(place, API, [reading(1, ndjson(at(1, 1))), reading(2, ndjson(at(2, 1)))])
      await sealArchive(place)
      expect(findingsOf(await checkArchive(place))).toEqual([])
      const [document = ''] = await keysOf(place)
      await remove(place, document)
      await remove(place, sealKey(API, 1))
      // No seal is left that lists it.
      expect(findingsOf(await checkArchive(place))).toEqual([`seal missing ${API} null ×1`])
      await remove(place, (await keysOf(place))[0] ?? '')
      expect(findingsOf(await checkArchive(place))).toContain(`document missing ${API} 2026-10-02 ×1`)
    })
  })
}

/** What seals must do in a store that can lock objects. */
export function sealLockConformance(name: string, newPlace: () => Promise<ArchiveTestPlace>): void {
  it(`seals are locked like documents in ${name}`, async () => {
    const place = { ...(await newPlace()), id: 'the archive' }
    const retainMs = 6 * 366 * 86_400_000
    await archive(place, BUCKET, [documentOf('2026-10-01', ndjson(at(1, 1)))], retainMs)
    await sealArchive(place, { retainMs, now: () => new Date() })
    expect(await checkLocks(place, new Date(), never)).toMatchObject({ objects: 2, unlocked: 0 })
  })
}
