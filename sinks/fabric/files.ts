/** The SQL of the mirrored files: one column list for each table, in Fabric's types, never changing. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import type { Table } from '../../schemas/tables.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { columnsOf, refuseUnknownColumns } from '../shared/duckdb-tables.js'

const ROW_MARKER = '__rowMarker__'
/** 4 = upsert: the row replaces the one with the same key. It must be the last column. */
const UPSERT = `CAST(4 AS INTEGER) AS "${ROW_MARKER}"`

const TYPES = { ...DUCKDB.types, json: 'VARCHAR' }

/** The table's columns with their types spelt out: a changed type would stop the replication. */
function typed(table: Table): string {
  return table.columns
    .map(({ name, type }) => `CAST(${DUCKDB.quote(name)} AS ${TYPES[type]}) AS ${DUCKDB.quote(name)}`)
    .join(', ')
}

/** @param rows what follows FROM: a relation with the table's columns, and conditions */
export const plainRows = (table: Table, rows: string): string => `SELECT ${typed(table)} FROM ${rows}`

/** As a mirrored file has them. */
export const upserts = (table: Table, rows: string): string => `SELECT ${typed(table)}, ${UPSERT} FROM ${rows}`

/** A relation with the columns of a table and no rows. */
export const noRows = (table: Table): string =>
  `(SELECT ${table.columns.map(({ name, type }) => `NULL::${TYPES[type]} AS ${DUCKDB.quote(name)}`).join(', ')} WHERE false)`

/** The rows of local files with the columns of a table; a column that an older file lacks is null. */
export function rowsIn(table: Table, files: readonly string[]): string {
  if (files.length === 0) return noRows(table)
  const read = `read_parquet([${files.map(quotedString).join(', ')}], union_by_name = true)`
  return `(SELECT ${columnsOf(table)} FROM (FROM ${noRows(table)} UNION ALL BY NAME FROM ${read}))`
}

/** Throws when a file has a column that this version would not write again. */
export function refuseUnknown(
  id: string,
  connection: DuckDBConnection,
  table: Table,
  files: readonly string[],
): Promise<void> {
  return refuseUnknownColumns(id, connection, table, files, [ROW_MARKER])
}

export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<readonly unknown[][]> {
  return (await connection.runAndReadAll(sql)).getRows()
}
