/** Local copies of a lake's files, which may be links to the files themselves. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBConnection } from '@duckdb/node-api'
import { expect, it, vi } from 'vitest'
import { AUDIT_EVENTS } from '../../../schemas/tables.js'
import { deltaIn } from '../../../sinks/delta/index.js'
import { tablesIn } from '../../../sinks/delta/tables.js'
import { openLake } from '../../../sinks/shared/lake.js'
import { batchOf, documentOf, loadInto, ndjson, never, newFolder, sharedEngine } from '../../support/load.js'
import { memoryLake } from '../../support/memory-lake.js'

const CONTENT = 'a file of the lake'
const PATH = 'event_date=2026-10-01/a.parquet'
const KEY = `audit_events/${PATH}`

async function lakeWithOneFile() {
  const folder = newFolder()
  const lake = await openLake('delta', `delta:${folder}`)
  await lake.store.write(KEY, Buffer.from(CONTENT), 'absent', never)
  const object = await lake.store.find(KEY, never)
  if (object === null) throw new Error('there is no file')
  return { lake, object, file: join(folder, KEY) }
}

it('a second copy at the same place fails, and leaves the file in the lake whole', async () => {
  const { lake, object, file } = await lakeWithOneFile()
  const copy = join(newFolder(), 'copy')
  expect(await lake.fetch(object, copy, never)).toBe(true)
  await expect(lake.fetch(object, copy, never)).rejects.toThrow(/EEXIST/)
  expect(readFileSync(file, 'utf8')).toBe(CONTENT)
})

it('a file of a Delta table is fetched once, however many ask for it at the same time, and again if that failed', async () => {
  const { lake } = await lakeWithOneFile()
  let fetches = 0
  const tables = tablesIn({
    ...lake,
    async fetch(...given) {
      if (++fetches === 1) throw new Error('broken off')
      return lake.fetch(...given)
    },
  })
  const add = { path: PATH, partitionValues: {}, size: CONTENT.length, modificationTime: 0, dataChange: true }
  const copied = () => tables.copies(AUDIT_EVENTS, [add], never)
  await expect(copied()).rejects.toThrow('broken off')
  const [[one], [other]] = await Promise.all([copied(), copied()])
  expect([fetches, other]).toEqual([2, one])
  expect(readFileSync(one ?? '', 'utf8')).toBe(CONTENT)
  await tables.remove()
})

it('a load of Delta tables reads the commits since its last one, and only files that may hold its events', async () => {
  const lake = memoryLake()
  const event = (day: number, id: number) => ({
    timestamp: `2026-10-0${day}T12:00:00Z`,
    action: 'user:login',
    actor_user_id: id,
  })
  const read: string[] = []
  const fetch: typeof lake.fetch = (object, path, signal) => {
    read.push(object.key)
    return lake.fetch(object, path, signal)
  }
  const store: typeof lake.store = {
    ...lake.store,
    read(object, from, signal) {
      read.push(object.key)
      return lake.store.read(object, from, signal)
    },
  }
  const sink = deltaIn({ ...lake, store, fetch }, never)
  await loadInto(sink, { first: ndjson(event(1, 1), event(2, 2)) })
  const other = deltaIn(lake, never)
  await loadInto(other, { others: ndjson(event(2, 3), event(3, 4)) })
  read.length = 0
  const batch = await batchOf(await sharedEngine(), [documentOf('second', ndjson(event(2, 2), event(4, 5)))])
  expect(await sink.load(batch, never)).toMatchObject({ inserted: 1, unchanged: 1 })
  const ofEvents = read.filter((key) => key.startsWith('audit_events/'))
  expect(ofEvents.map((key) => key.replace(/part-.*/, '')).sort()).toEqual([
    'audit_events/_delta_log/00000000000000000002.json',
    'audit_events/event_date=2026-10-02/',
    'audit_events/event_date=2026-10-02/',
  ])
  for (const each of [sink, other]) await each.close()
})

it('a load of new events into a Delta table reads nothing of its files but keys, within the time of the events', async () => {
  const at = (id: number) => ({ timestamp: '2026-10-01T12:00:00Z', action: 'user:login', actor_user_id: id })
  const sink = deltaIn(memoryLake(), never)
  await loadInto(sink, { first: ndjson(at(1)) })
  const spies = (['run', 'runAndReadAll'] as const).map((name) => vi.spyOn(DuckDBConnection.prototype, name))
  await loadInto(sink, { second: ndjson(at(2)) })
  const asked = spies.flatMap(({ mock }) => mock.calls.map(([sql]) => sql))
  for (const spy of spies) spy.mockRestore()
  const ofFiles = asked.filter((sql) => /read_parquet\([^)]*\/2026-10-01\./.test(sql))
  expect(ofFiles.length).toBeGreaterThan(0)
  for (const sql of ofFiles) expect(sql).toMatch(/^SELECT count\(\*\) .* SEMI JOIN .*"timestamp" BETWEEN/s)
  await sink.close()
})
