/** Local copies of a lake's files, which may be links to the files themselves. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { AUDIT_EVENTS } from '../../../schemas/tables.js'
import { tablesIn } from '../../../sinks/delta/tables.js'
import { openLake } from '../../../sinks/shared/lake.js'
import { never, newFolder } from '../../support/load.js'

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
