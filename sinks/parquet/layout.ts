/** Which file of the lake a row belongs to. Names and order of the files' columns are those of the tables. */

import { DUCKDB } from '../../schemas/ddl.js'
import {
  AUDIT_ACTIONS,
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  type FieldType,
  type Table,
} from '../../schemas/tables.js'
import { quotedString } from '../../src/duckdb/quoting.js'

/**
 * Every row has one file, told by what never changes of it: so a row that comes again meets the one that is there, no
 * row is in two files, and replacing one file is all that has to be atomic.
 */
export interface Layout {
  readonly table: Table
  /** SQL: the part of the table that a row belongs to. */
  readonly part: string
  /** What the name of a part looks like. */
  readonly form: RegExp
  /** Where that part lies in the lake. */
  file(part: string): string
}

export const EVENTS: Layout = {
  table: AUDIT_EVENTS,
  part: `CAST(CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS VARCHAR)`,
  form: /^\d{4}-\d\d-\d\d$/,
  file: (day) => `audit_events/event_date=${day}/events.parquet`,
}

export const REJECTS: Layout = {
  table: AUDIT_REJECTS,
  part: 'left(reject_id, 1)',
  form: /^[0-9a-f]$/,
  file: (digit) => `audit_rejects/part-${digit}.parquet`,
}

export const REJECT_PIECES: Layout = {
  table: AUDIT_REJECT_PIECES,
  part: 'left(reject_id, 1)',
  form: /^[0-9a-f]$/,
  file: (digit) => `audit_reject_pieces/part-${digit}.parquet`,
}

export const CONFLICTS: Layout = {
  table: AUDIT_CONFLICTS,
  part: 'left(conflict_id, 1)',
  form: /^[0-9a-f]$/,
  file: (digit) => `audit_conflicts/part-${digit}.parquet`,
}

export const DOCUMENTS: Layout = {
  table: AUDIT_DOCUMENTS,
  part: `left(sha256(concat(source, ' ', document)), 1)`,
  form: /^[0-9a-f]$/,
  file: (digit) => `audit_documents/part-${digit}.parquet`,
}

export const LOADS: Layout = {
  table: AUDIT_LOADS,
  part: `strftime(started_at AT TIME ZONE 'UTC', '%Y-%m')`,
  form: /^\d{4}-\d\d$/,
  file: (month) => `audit_loads/${month}.parquet`,
}

export const ACTIONS: Layout = {
  table: AUDIT_ACTIONS,
  part: `'actions'`,
  form: /^actions$/,
  file: (name) => `audit_actions/${name}.parquet`,
}

/** Every table of the lake. */
export const LAYOUTS: readonly Layout[] = [EVENTS, REJECTS, REJECT_PIECES, CONFLICTS, DOCUMENTS, LOADS, ACTIONS]

/** Where the files of a table lie: the beginning of all their names. */
export const folderOf = ({ table }: Layout): string => `${table.name}/`

/**
 * Whether a file, named from the lake's root, is one that a load writes. Whatever else lies there was put there by somebody
 * else, and is no part of the table.
 */
export function isPart({ form, file }: Layout, key: string): boolean {
  const [before = '', after = ''] = file('\0').split('\0')
  return key.startsWith(before) && key.endsWith(after) && form.test(key.slice(before.length, key.length - after.length))
}

/** JSON is text there: readers that know Parquet's JSON type are few. */
const TYPES: Readonly<Record<FieldType, string>> = { ...DUCKDB.types, json: 'VARCHAR' }

/** The table's columns as its files have them, from an expression for each. */
export const filed = ({ columns }: Table, value: (name: string) => string = DUCKDB.quote): string =>
  columns.map(({ name, type }) => `CAST(${value(name)} AS ${TYPES[type]}) AS ${DUCKDB.quote(name)}`).join(', ')

const listed = ({ columns }: Table): string => columns.map(({ name }) => DUCKDB.quote(name)).join(', ')

/** SELECTs the rows of a table's files, in their order; a column that an older file lacks is null. */
export function rowsIn(table: Table, files: readonly string[]): string {
  const none = `SELECT ${filed(table, () => 'NULL')} WHERE false`
  if (files.length === 0) return none
  const paths = files.map((file) => quotedString(asPattern(file))).join(', ')
  return `
    SELECT ${listed(table)} FROM (
      ${none}
      UNION ALL BY NAME
      FROM read_parquet([${paths}], union_by_name = true, hive_partitioning = false))`
}

/** https://duckdb.org/docs/stable/sql/functions/pattern_matching#globbing: a path in SQL is a pattern, unless it is escaped. */
export const asPattern = (path: string): string => path.replace(/[*?[]/g, '[$&]')

/** A name for a copy of a lake's file; the name in the lake stands in it, and so in what DuckDB says of the copy. */
export const copyName = (id: string, key: string): string =>
  `${id}.${key
    .replaceAll('/', ',')
    .replace(/[^\w=.,-]/g, '_')
    .slice(-150)}`
