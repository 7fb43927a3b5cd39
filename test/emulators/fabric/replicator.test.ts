/** The stand-in of Fabric's replicator keeps to what Fabric documents, and stops where Fabric would. */

import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Content } from '../../../src/stores/contract.js'
import { newWorkspace } from '../../sinks/fabric/place.js'
import { never, newEngine, newFolder } from '../../support/load.js'
import { type Azurite, startAzurite } from '../azurite.js'
import { startReplicator } from './replicator.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)

afterAll(() => azurite.close())

const TABLE = 'sales.schema/orders'

async function newZone() {
  const store = await newWorkspace(azurite)
  const root = `db-${randomUUID()}/Files/LandingZone`
  const replicator = await startReplicator(store, root, newFolder())
  const put = (path: string, content: Content): Promise<unknown> =>
    store.write(`${root}/${path}`, content, 'any', never)
  return {
    replicator,
    put,
    key: () => put(`${TABLE}/_metadata.json`, Buffer.from('{"keyColumns": ["id"]}')),
    file: async (number: number, select: string) => put(nameOf(number), await parquet(select)),
    remove: (path: string) => store.remove(`${root}/${path}`, never),
    async names() {
      const keys: string[] = []
      for await (const { key } of store.list(`${root}/`, never)) keys.push(key.slice(root.length + 1))
      return keys
    },
    async rows() {
      const rows = await replicator.connection.runAndReadAll('SELECT * FROM sales.orders ORDER BY ALL')
      return rows.getRowsJson()
    },
  }
}

const nameOf = (number: number): string => `${TABLE}/${String(number).padStart(20, '0')}.parquet`

async function parquet(select: string): Promise<Buffer> {
  const path = join(newFolder(), 'file.parquet')
  await (await newEngine()).run(`COPY (${select}) TO '${path}' (FORMAT parquet)`)
  return readFile(path)
}

const row = (id: number, item: string, marker: number): string =>
  `SELECT ${id} AS id, '${item}' AS item, ${marker} AS "__rowMarker__"`

describe('row markers', () => {
  it('4 and 1 replace the whole row with the same key, 0 looks for none, 2 removes', async () => {
    const zone = await newZone()
    await zone.key()
    await zone.file(1, [row(1, 'a', 4), row(2, 'b', 4), row(3, 'c', 1)].join(' UNION ALL '))
    await zone.file(2, [row(1, 'A', 4), row(2, 'b', 0), row(3, '', 2)].join(' UNION ALL '))
    await zone.replicator.run()
    expect(await zone.rows()).toEqual([
      [1, 'A'],
      [2, 'b'],
      [2, 'b'],
    ])
  })

  it('count in the order of the rows', async () => {
    const zone = await newZone()
    await zone.key()
    await zone.file(1, [row(1, 'a', 0), row(1, '', 2), row(1, 'b', 4), row(1, 'c', 4)].join(' UNION ALL '))
    await zone.replicator.run()
    expect(await zone.rows()).toEqual([[1, 'c']])
  })

  it('are inserts where there are none', async () => {
    const zone = await newZone()
    await zone.file(1, 'SELECT 1 AS id UNION ALL SELECT 1')
    await zone.replicator.run()
    expect(await zone.rows()).toEqual([[1], [1]])
  })
})

describe('files', () => {
  it('of no rows give a table its columns, and later ones may have more', async () => {
    const zone = await newZone()
    await zone.key()
    await zone.file(1, `${row(1, 'a', 4)} WHERE false`)
    await zone.replicator.run()
    expect(await zone.rows()).toEqual([])
    await zone.file(2, `SELECT 1 AS id, 'a' AS item, 2.5::DOUBLE AS price, 4 AS "__rowMarker__"`)
    await zone.file(3, row(2, 'b', 4))
    await zone.replicator.run()
    expect(await zone.rows()).toEqual([
      [1, 'a', 2.5],
      [2, 'b', null],
    ])
  })

  it('that are applied are taken away, but for the last one', async () => {
    const zone = await newZone()
    await zone.key()
    for (const number of [1, 2, 3]) await zone.file(number, row(number, 'a', 4))
    await zone.replicator.run()
    expect((await zone.names()).filter((name) => !name.includes('/_'))).toEqual([nameOf(3)])
    await zone.replicator.run()
    await zone.file(4, row(4, 'a', 4))
    await zone.replicator.run()
    expect(await zone.rows()).toHaveLength(4)
    expect(zone.replicator.stopped.size).toBe(0)
  })

  it('and folders that begin with an underscore are passed over', async () => {
    const zone = await newZone()
    await zone.put('_state/x.schema/t/00000000000000000001.parquet', Buffer.from('x'))
    await zone.put('sales.schema/_orders/00000000000000000001.parquet', Buffer.from('x'))
    await zone.put(`${TABLE}/_00000000000000000001.parquet`, Buffer.from('x'))
    await zone.replicator.run()
    expect(zone.replicator.stopped.size).toBe(0)
  })

  it('begin anew when their folder was removed', async () => {
    const zone = await newZone()
    await zone.file(1, 'SELECT 1 AS id')
    await zone.replicator.run()
    await zone.remove(nameOf(1))
    await zone.replicator.run()
    await expect(zone.rows()).rejects.toThrow('does not exist')
    await zone.file(1, 'SELECT 2 AS id')
    await zone.replicator.run()
    expect(await zone.rows()).toEqual([[2]])
  })
})

describe('a table stops', () => {
  const good = row(1, 'a', 4)
  type Zone = Awaited<ReturnType<typeof newZone>>
  const faults: readonly (readonly [string, (zone: Zone) => Promise<unknown>, RegExp])[] = [
    [
      'at a changed type',
      (zone) => zone.file(2, `SELECT 1::BIGINT AS id, 4 AS "__rowMarker__"`),
      /was INTEGER and is now BIGINT/,
    ],
    ['at a number that is skipped', (zone) => zone.file(3, good), /3\.parquet is there and 2 is not/],
    ['at an empty file', (zone) => zone.put(nameOf(2), Buffer.alloc(0)), /is empty/],
    [
      'at a file that is cut short',
      async (zone) => zone.put(nameOf(2), (await parquet(good)).subarray(0, -9)),
      /parquet/i,
    ],
    ['at an unknown marker', (zone) => zone.file(2, row(2, 'a', 3)), /__rowMarker__ is 3/],
    [
      'at a marker that is not last',
      (zone) => zone.file(2, `SELECT 4 AS "__rowMarker__", 1 AS id`),
      /not the last column/,
    ],
    [
      'at a column that is not simple',
      (zone) => zone.file(2, `SELECT 2 AS id, [1] AS item, 4 AS "__rowMarker__"`),
      /no simple type/,
    ],
    ['at a file that was written again', (zone) => zone.file(1, row(1, 'b', 4)), /was written again/],
    ['at another name', (zone) => zone.put(`${TABLE}/2.parquet`, Buffer.from('x')), /not a name of 20 digits/],
    [
      'at other key columns',
      (zone) => zone.put(`${TABLE}/_metadata.json`, Buffer.from('{"keyColumns": ["item"]}')),
      /keyColumns changed/,
    ],
  ]

  it.each(faults)('%s, and says so', async (_what, spoil, why) => {
    const zone = await newZone()
    await zone.key()
    await zone.file(1, good)
    await zone.replicator.run()
    await spoil(zone)
    await zone.replicator.run()
    expect(zone.replicator.stopped.get(TABLE)).toMatch(why)
    expect(await zone.rows()).toEqual([[1, 'a']])
  })

  it('at changes without key columns', async () => {
    const zone = await newZone()
    await zone.file(1, good)
    await zone.replicator.run()
    expect(zone.replicator.stopped.get(TABLE)).toMatch(/no keyColumns/)
  })

  it('and goes on when the missing file comes', async () => {
    const zone = await newZone()
    await zone.key()
    await zone.file(2, row(2, 'b', 4))
    await zone.replicator.run()
    expect(zone.replicator.stopped.size).toBe(1)
    await zone.file(1, good)
    await zone.replicator.run()
    expect(zone.replicator.stopped.size).toBe(0)
    expect(await zone.rows()).toHaveLength(2)
  })
})
