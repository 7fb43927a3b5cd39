/** Works on the files of a lake as somebody else would. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { parquetSink } from '../../sinks/parquet/index.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { openStore } from '../../src/stores/index.js'
import type { SinkTarget } from '../conformance/sinks.js'
import { bytesOf } from '../conformance/stores.js'
import { never, newFolder } from './load.js'

export async function withDuckDB<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    return await work(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Takes a column out of every file below a prefix. */
export async function dropColumn(store: ObjectStore, prefix: string, column: string): Promise<void> {
  const folder = newFolder()
  const [before, after] = [join(folder, 'before.parquet'), join(folder, 'after.parquet')]
  await withDuckDB(async (connection) => {
    for await (const object of store.list(prefix, never)) {
      writeFileSync(before, await bytesOf(await store.read(object, 0, never)))
      await connection.run(`COPY (SELECT * EXCLUDE ("${column}") FROM '${before}') TO '${after}' (FORMAT parquet)`)
      await store.write(object.key, readFileSync(after), object, never)
    }
  })
}

let lakes = 0

/** A lake of its own in a bucket or container. */
export function lakeIn(place: string, endpoint: string): SinkTarget {
  lakes++
  const address = `${place}/lake ${lakes}?endpoint=${endpoint}`
  return {
    open: () => parquetSink(`parquet+${address}`, never),
    async dropColumn(table, column) {
      const { store, prefix } = await openStore(address)
      await dropColumn(store, `${prefix}/${table}`, column)
      await store.close()
    },
  }
}
