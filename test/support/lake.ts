/** Works on the files of a lake as somebody else would. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { ObjectStore } from '../../src/stores/contract.js'
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
