/**
 * Delta tables in further object stores. What differs there is the store, and the contract suite in test/stores holds that. So only
 * what rests on conditional writes, listing and removal is run here; test/sinks/delta-s3.test.ts has the whole suite.
 */

import { describe, expect, it } from 'vitest'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import { logOf, writeCommit } from '../../sinks/delta/log.js'
import { tablesIn } from '../../sinks/delta/tables.js'
import { openLake } from '../../sinks/shared/lake.js'
import { sharedConformance } from '../conformance/sinks.js'
import { ACCOUNT } from '../emulators/azurite.js'
import { deltaIn, deltaTarget } from '../support/delta.js'
import { countsOf, loadInto, ndjson, never } from '../support/load.js'
import { eventsOf } from '../support/rows.js'
import { lakePlaces } from '../support/store-places.js'

const places = lakePlaces()

const STORES = [
  ['Google Cloud Storage', 'gs://lakes', () => places.gcs.url],
  ['Azure Blob Storage', `az://${ACCOUNT}/lakes`, () => places.azurite.endpoint],
] as const

describe.each(STORES)('Delta Lake in %s', (_store, place, endpoint) => {
  sharedConformance(async () => deltaIn(place, endpoint()))

  it('goes on from a checkpoint, without the commits before it', async () => {
    const address = `delta+${place}/checkpoint?endpoint=${endpoint()}`
    const event = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }
    const sink = await (await deltaTarget(address)).open()
    await loadInto(sink, { a: ndjson(event) })
    const lake = await openLake('delta', address)
    for (let version = 2; version < 10; version++)
      await writeCommit(lake, AUDIT_EVENTS, version, [{ commitInfo: {} }], never)
    await loadInto(sink, { b: ndjson({ ...event, actor_user_id: 7 }) })
    for await (const { key } of lake.store.list(logOf(lake, AUDIT_EVENTS), never))
      if (/\/\d+\.json$/.test(key)) await lake.store.remove(key, never)
    const tables = tablesIn(lake)
    expect(await tables.current(AUDIT_EVENTS, never)).toMatchObject({ version: 10, checkpoint: 10 })
    const later = await (await deltaTarget(address)).open()
    expect(countsOf(await loadInto(later, { c: ndjson(event, { ...event, actor_user_id: 8 }) }))).toEqual([1, 0, 1, 0])
    expect(await eventsOf(later)).toHaveLength(3)
    await tables.remove()
    for (const each of [sink, later, lake.store]) await each.close()
  })
})
