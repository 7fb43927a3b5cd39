/** Asking the lake: views over its files, in a database that can only be read. */

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import type { Table } from '../../schemas/tables.js'
import type { QueryResult } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { DUCKDB_VIEWS } from '../shared/duckdb-forms.js'
import { openRoom } from '../shared/room.js'
import type { View } from '../shared/views.js'
import { asPattern, LAYOUTS, rowsIn } from './layout.js'
import type { Snapshots } from './snapshot.js'

interface Definitions {
  readonly views: readonly View[]
  /** What they read. */
  readonly files: readonly string[]
}

/** One statement over the tables and views that it names, as their files are now. */
export async function askLake(id: string, lake: Snapshots, sql: string, signal: AbortSignal): Promise<QueryResult> {
  const room = await openRoom(id)
  try {
    const { views, files } = await definitions(sql, lake, signal)
    await attachViews(room.connection, views, join(room.folder, 'views.duckdb'))
    return await room.ask(sql, [...files, ...files.map(asPattern)])
  } catch (error) {
    room.close()
    throw duckdbError(id, error)
  }
}

/**
 * Only what the statement names is fetched; of a lake in a store that can be much. What a statement names without its name
 * standing there is not found, which is an error and never an empty answer.
 */
async function definitions(sql: string, lake: Snapshots, signal: AbortSignal): Promise<Definitions> {
  const named = (name: string, text: string): boolean => text.toLowerCase().includes(name)
  const over = DUCKDB_VIEWS.filter(({ name }) => named(name, sql))
  const text = [sql, ...over.map((view) => view.sql)].join('\n')
  const tables = []
  const files = []
  for (const layout of LAYOUTS.filter(({ table }) => named(table.name, text))) {
    const there = await lake.filesOf(layout, signal)
    tables.push({ name: layout.table.name, sql: typedRows(layout.table, there) })
    files.push(...there)
  }
  return { views: [...tables, ...over], files }
}

/** With the types that the DuckDB sink's tables have. */
function typedRows(table: Table, files: readonly string[]): string {
  const columns = table.columns.map(
    ({ name, type }) => `CAST(${DUCKDB.quote(name)} AS ${DUCKDB.types[type]}) AS ${DUCKDB.quote(name)}`,
  )
  return `SELECT ${columns.join(', ')} FROM (${rowsIn(table, files)})`
}

async function attachViews(connection: DuckDBConnection, defined: readonly View[], path: string): Promise<void> {
  const database = quotedString(path)
  await connection.run(`ATTACH ${database} AS views`)
  await connection.run('USE views')
  for (const { name, sql } of defined) await connection.run(`CREATE VIEW ${DUCKDB.quote(name)} AS\n${sql}`)
  await connection.run('USE memory')
  await connection.run('DETACH views')
  await connection.run(`ATTACH ${database} AS lake (READ_ONLY)`)
  await connection.run('USE lake')
}
