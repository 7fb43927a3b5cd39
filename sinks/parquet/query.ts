/** Asking the lake: views over its files, in a database that can only be read. */

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { TABLES, type Table } from '../../schemas/tables.js'
import { type View, views } from '../../schemas/views.js'
import type { QueryResult } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb-error.js'
import { changing, isRefusedChange, openConnection } from '../shared/duckdb.js'
import { columnsOf, rowsOf } from '../shared/result.js'
import { rowsIn, textLiteral } from './layout.js'
import type { Snapshots } from './snapshot.js'

/** One statement over the tables and views that it names, as their files are now. */
export async function askLake(id: string, files: Snapshots, sql: string, signal: AbortSignal): Promise<QueryResult> {
  const { connection, folder, close } = await openConnection()
  try {
    await attachViews(connection, await definitions(sql, files, signal), join(folder, 'views.duckdb'))
    const result = await connection.stream(sql)
    return { columns: columnsOf(result), rows: rowsOf(id, result, close) }
  } catch (error) {
    close()
    throw isRefusedChange(error) ? changing(id) : duckdbError(id, error)
  }
}

/**
 * Only what the statement names is fetched; of a lake in a store that can be much. What a statement names without its name
 * standing there is not found, which is an error and never an empty answer.
 */
async function definitions(sql: string, files: Snapshots, signal: AbortSignal): Promise<View[]> {
  const named = (name: string, text: string): boolean => text.toLowerCase().includes(name)
  const over = views().filter(({ name }) => named(name, sql))
  const text = [sql, ...over.map((view) => view.sql)].join('\n')
  const tables = []
  for (const table of TABLES.filter(({ name }) => named(name, text)))
    tables.push({ name: table.name, sql: typedRows(table, await files.filesOf(table, signal)) })
  return [...tables, ...over]
}

/** With the types that the DuckDB sink's tables have. */
function typedRows(table: Table, files: readonly string[]): string {
  const columns = table.columns.map(
    ({ name, type }) => `CAST(${DUCKDB.quote(name)} AS ${DUCKDB.types[type]}) AS ${DUCKDB.quote(name)}`,
  )
  return `SELECT ${columns.join(', ')} FROM (${rowsIn(table, files)})`
}

async function attachViews(connection: DuckDBConnection, defined: readonly View[], path: string): Promise<void> {
  const database = textLiteral(path)
  await connection.run(`ATTACH ${database} AS views`)
  await connection.run('USE views')
  for (const { name, sql } of defined) await connection.run(`CREATE VIEW ${DUCKDB.quote(name)} AS\n${sql}`)
  await connection.run('USE memory')
  await connection.run('DETACH views')
  await connection.run(`ATTACH ${database} AS lake (READ_ONLY)`)
  await connection.run('USE lake')
}
