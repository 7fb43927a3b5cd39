/** Works on Delta tables as somebody else would. */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { LAYOUT_VERSION, TABLES, type Table } from '../../schemas/tables.js'
import type { MetaData } from '../../sinks/delta/actions.js'
import { deltaSink } from '../../sinks/delta/index.js'
import { writeCommit } from '../../sinks/delta/log.js'
import { tablesIn } from '../../sinks/delta/tables.js'
import { type Lake, openLake } from '../../sinks/shared/lake.js'
import { asPattern } from '../../sinks/shared/parquet-rows.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import type { SinkTarget } from '../conformance/sinks.js'
import { markIn, withDuckDB } from './lake.js'
import { never, newFolder } from './load.js'

export function tableCalled(name: string): Table {
  const table = TABLES.find((each) => each.name === name)
  if (table === undefined) throw new Error(`there is no table ${name}`)
  return table
}

/** Commits a table without one of its columns, as an older version would have made it. */
export async function dropDeltaColumn(lake: Lake, name: string, column: string): Promise<void> {
  const table = tableCalled(name)
  const tables = tablesIn(lake)
  const snapshot = await tables.current(table, never)
  const files = [...snapshot.files.values()]
  const copies = await tables.copies(table, files, never)
  const added = await withDuckDB(async (connection) => {
    const adds = []
    for (const [i, { stats: _, ...add }] of files.entries()) {
      const file = join(newFolder(), `${randomUUID()}.parquet`)
      await connection.run(
        `COPY (SELECT * EXCLUDE ("${column}") FROM read_parquet(${quotedString(asPattern(copies[i] ?? ''))})) TO '${file}' (FORMAT parquet)`,
      )
      const path = add.path.replace(/[^/]*$/, `old-${randomUUID()}.parquet`)
      await lake.store.write(`${lake.prefix}${name}/${path}`, { file }, 'absent', never)
      adds.push({ add: { ...add, path } })
    }
    return adds
  })
  await writeCommit(
    lake,
    table,
    snapshot.version + 1,
    [
      { metaData: withoutColumn(snapshot.metaData, column) },
      ...files.map(({ path, partitionValues }) => ({ remove: { path, partitionValues, dataChange: true } })),
      ...added,
    ],
    never,
  )
  await tables.remove()
}

function withoutColumn(metaData: MetaData | null, column: string): MetaData {
  if (metaData === null) throw new Error('the table is not there')
  const schema = JSON.parse(metaData.schemaString)
  const fields = schema.fields.filter(({ name }: { name: string }) => name !== column)
  return { ...metaData, schemaString: JSON.stringify({ ...schema, fields }) }
}

export async function deltaTarget(address: string): Promise<SinkTarget> {
  const inLake = async <T>(work: (lake: Lake) => Promise<T>): Promise<T> => {
    const lake = await openLake('delta', address)
    const done = await work(lake)
    await lake.store.close()
    return done
  }
  return {
    open: () => deltaSink(address, never),
    dropColumn: (table, column) => inLake((lake) => dropDeltaColumn(lake, table, column)),
    newestLayout: LAYOUT_VERSION,
    layout: () => inLake(({ store, prefix }) => markIn(store, prefix).layout()),
    setLayout: (layout) => inLake(({ store, prefix }) => markIn(store, prefix).setLayout(layout)),
  }
}

let lakes = 0

/** Tables of their own in a bucket or container. */
export function deltaIn(place: string, endpoint: string): Promise<SinkTarget> {
  lakes++
  return deltaTarget(`delta+${place}/delta ${lakes}?endpoint=${endpoint}`)
}
