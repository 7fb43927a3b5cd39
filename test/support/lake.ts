/** Works on the files of a lake as somebody else would. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { parquetSink } from '../../sinks/parquet/index.js'
import { LAKE_LAYOUT } from '../../sinks/parquet/layout.js'
import { layoutIn } from '../../sinks/shared/layout.js'
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
export const dropColumn = (store: ObjectStore, prefix: string, column: string): Promise<void> =>
  rewrite(store, prefix, `* EXCLUDE ("${column}")`)

/** Adds a column to every file below a prefix, as a newer version would. */
export const addColumn = (store: ObjectStore, prefix: string, column: string): Promise<void> =>
  rewrite(store, prefix, `*, 'of a newer version' AS "${column}"`)

async function rewrite(store: ObjectStore, prefix: string, columns: string): Promise<void> {
  const folder = newFolder()
  const [before, after] = [join(folder, 'before.parquet'), join(folder, 'after.parquet')]
  await withDuckDB(async (connection) => {
    for await (const object of store.list(prefix, never)) {
      writeFileSync(before, await bytesOf(await store.read(object, 0, never)))
      await connection.run(`COPY (SELECT ${columns} FROM '${before}') TO '${after}' (FORMAT parquet)`)
      await store.write(object.key, readFileSync(after), object, never)
    }
  })
}

/** The mark of the lake below a prefix. */
export function markIn(store: ObjectStore, prefix: string): Pick<SinkTarget, 'layout' | 'setLayout' | 'newestLayout'> {
  const key = `${prefix}_wandb_audit.txt`
  return {
    newestLayout: LAKE_LAYOUT,
    async layout() {
      const object = await store.find(key, never)
      return object === null ? null : layoutIn(`${Buffer.from(await bytesOf(await store.read(object, 0, never)))}`)
    },
    async setLayout(layout) {
      if (layout === null) await store.remove(key, never)
      else await store.write(key, Buffer.from(`wandb-audit, layout ${layout}\n`), 'any', never)
    },
  }
}

let lakes = 0

/** A lake of its own in a bucket or container. */
export function lakeIn(place: string, endpoint: string): SinkTarget {
  lakes++
  const address = `${place}/lake ${lakes}?endpoint=${endpoint}`
  async function inStore<T>(work: (store: ObjectStore, prefix: string) => Promise<T>): Promise<T> {
    const { store, prefix } = await openStore(address)
    const done = await work(store, `${prefix}/`)
    await store.close()
    return done
  }
  return {
    open: () => parquetSink(`parquet+${address}`, never),
    dropColumn: (table, column) => inStore((store, prefix) => dropColumn(store, `${prefix}${table}`, column)),
    newestLayout: LAKE_LAYOUT,
    layout: () => inStore((store, prefix) => markIn(store, prefix).layout()),
    setLayout: (layout) => inStore((store, prefix) => markIn(store, prefix).setLayout(layout)),
  }
}
