/** Rows of our tables in Parquet files: what a file has, and how files are read. */

import { DUCKDB } from '../../schemas/ddl.js'
import type { FieldType, Table } from '../../schemas/tables.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { columnsOf } from './duckdb-tables.js'

/** JSON is stored as text: few readers know Parquet's JSON type. */
const TYPES: Readonly<Record<FieldType, string>> = { ...DUCKDB.types, json: 'VARCHAR' }

/** The table's columns with the types of its files, each from an expression. */
export const filed = ({ columns }: Table, value: (name: string) => string = DUCKDB.quote): string =>
  columns.map(({ name, type }) => `CAST(${value(name)} AS ${TYPES[type]}) AS ${DUCKDB.quote(name)}`).join(', ')

/** SELECTs the rows of a table's files in order. A column that an older file lacks is null. */
export function rowsIn(table: Table, files: readonly string[]): string {
  const none = `SELECT ${filed(table, () => 'NULL')} WHERE false`
  if (files.length === 0) return none
  const paths = files.map((file) => quotedString(asPattern(file))).join(', ')
  return `
    SELECT ${columnsOf(table)} FROM (
      ${none}
      UNION ALL BY NAME
      FROM read_parquet([${paths}], union_by_name = true, hive_partitioning = false))`
}

/** https://duckdb.org/docs/stable/sql/functions/pattern_matching#globbing: a path in SQL is a pattern, unless it is escaped. */
export const asPattern = (path: string): string => path.replace(/[*?[]/g, '[$&]')

/** A name for a local copy. It contains the file's name in the lake, so DuckDB's errors about the copy name the file. */
export const copyName = (id: string, key: string): string =>
  `${id}.${key
    .replaceAll('/', ',')
    .replace(/[^\w=.,-]/g, '_')
    .slice(-150)}`
