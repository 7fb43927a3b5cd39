import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDirectory } from '../../src/stores/index.js'
import {
  type ArchiveTestPlace,
  archiveConformance,
  keysOf,
  loadAll,
  newArchivePlace,
  newSink,
  replayed,
} from '../conformance/archives.js'
import { sealConformance } from '../conformance/seals.js'
import { joined } from '../landing/support.js'
import { countsOf, loadInto, never, newFolder } from '../support/load.js'
import { API } from '../support/loads.js'
import { contentOf } from '../support/rows.js'

const newPlace = async (): Promise<ArchiveTestPlace> => ({
  store: await openDirectory(join(newFolder(), 'archive')),
  prefix: '',
})

archiveConformance('a folder', newPlace)
sealConformance('a folder', newPlace)

describe('a replay', () => {
  it('has all its readings loaded back once one that was damaged is restored', async () => {
    const place = await newArchivePlace(newPlace)
    const original = await loadAll(place)
    const ofApi = (await keysOf(place)).filter((key) => key.startsWith(encodeURIComponent(API)))
    for (const key of ofApi) {
      const found = await place.store.find(place.prefix + key, never)
      const reading = found === null ? null : await place.store.read(found, 0, never)
      const whole = reading === null ? Buffer.alloc(0) : await joined(reading.chunks)
      await place.store.write(place.prefix + key, whole.subarray(0, -20), 'any', never)
      const sink = await newSink()
      const again = async () => {
        const { sources } = await replayed(place)
        return loadInto(sink, { sources }, { jobs: sources.map((source) => ({ source, range: null, refetch: true })) })
      }
      expect((await again()).failed).toHaveLength(1)
      await place.store.write(place.prefix + key, whole, 'any', never)
      expect((await again()).failed).toEqual([])
      expect((await contentOf(sink)).audit_events).toHaveLength(((await contentOf(original)).audit_events ?? []).length)
      await sink.close()
    }
    await original.close()
  })

  it('is loaded back again, and changes nothing', async () => {
    const place = await newArchivePlace(newPlace)
    await (await loadAll(place)).close()
    const sink = await newSink()
    await loadInto(sink, await replayed(place))
    const before = await contentOf(sink)
    const { sources } = await replayed(place)
    const jobs = sources.map((source) => ({ source, range: null, refetch: true }))
    expect(countsOf(await loadInto(sink, { sources }, { jobs }))).toEqual([0, 0, 15, 3])
    expect(await contentOf(sink)).toEqual(before)
    await sink.close()
  })
})
