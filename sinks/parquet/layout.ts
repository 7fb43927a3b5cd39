/** Maps rows to files of the lake. The files have the tables' columns, in the tables' order. */

import { DUCKDB } from '../../schemas/ddl.js'
import {
  AUDIT_ACTIONS,
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_FINDINGS,
  AUDIT_LOADS,
  AUDIT_PRIVACY,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  type FieldType,
  type Table,
} from '../../schemas/tables.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { columnsOf } from '../shared/duckdb-tables.js'
import { nameIn } from './names.js'

/**
 * A row's file depends only on columns that never change. So a row that is loaded again meets its earlier copy, no row is in two
 * files, and replacing one file is the only step that has to be atomic.
 */
export interface Layout {
  readonly table: Table
  /** SQL expression: the partition of a row. */
  readonly part: string
  /** Pattern of partition names. */
  readonly form: RegExp
  /** The partition's file, from the root of the lake, without version and ending: names.ts. */
  stem(part: string): string
}

export const EVENTS: Layout = {
  table: AUDIT_EVENTS,
  part: `CAST(CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS VARCHAR)`,
  form: /^\d{4}-\d\d-\d\d$/,
  stem: (day) => `audit_events/event_date=${day}/events`,
}

export const REJECTS: Layout = {
  table: AUDIT_REJECTS,
  part: 'left(reject_id, 1)',
  form: /^[0-9a-f]$/,
  stem: (digit) => `audit_rejects/part-${digit}`,
}

export const REJECT_PIECES: Layout = {
  table: AUDIT_REJECT_PIECES,
  part: 'left(reject_id, 1)',
  form: /^[0-9a-f]$/,
  stem: (digit) => `audit_reject_pieces/part-${digit}`,
}

export const CONFLICTS: Layout = {
  table: AUDIT_CONFLICTS,
  part: 'left(conflict_id, 1)',
  form: /^[0-9a-f]$/,
  stem: (digit) => `audit_conflicts/part-${digit}`,
}

export const DOCUMENTS: Layout = {
  table: AUDIT_DOCUMENTS,
  part: `left(sha256(concat(source, ' ', document)), 1)`,
  form: /^[0-9a-f]$/,
  stem: (digit) => `audit_documents/part-${digit}`,
}

export const LOADS: Layout = {
  table: AUDIT_LOADS,
  part: `strftime(started_at AT TIME ZONE 'UTC', '%Y-%m')`,
  form: /^\d{4}-\d\d$/,
  stem: (month) => `audit_loads/${month}`,
}

export const ACTIONS: Layout = {
  table: AUDIT_ACTIONS,
  part: `'actions'`,
  form: /^actions$/,
  stem: (name) => `audit_actions/${name}`,
}

export const PRIVACY: Layout = {
  table: AUDIT_PRIVACY,
  part: `'privacy'`,
  form: /^privacy$/,
  stem: (name) => `audit_privacy/${name}`,
}

export const FINDINGS: Layout = {
  table: AUDIT_FINDINGS,
  part: `'findings'`,
  form: /^findings$/,
  stem: (name) => `audit_findings/${name}`,
}

/** Every table of the lake. */
export const LAYOUTS: readonly Layout[] = [
  EVENTS,
  REJECTS,
  REJECT_PIECES,
  CONFLICTS,
  DOCUMENTS,
  LOADS,
  ACTIONS,
  PRIVACY,
  FINDINGS,
]

/** The common prefix of a table's files. */
export const folderOf = ({ table }: Layout): string => `${table.name}/`

/** A file of a table, whatever its version. */
export interface LakeFile {
  readonly table: Table
  /** From the root of the lake, without version and ending. */
  readonly stem: string
}

export const fileOf = ({ table, stem }: Layout, part: string): LakeFile => ({ table, stem: stem(part) })

/** The partition that a file (from the root of the lake) has rows of; null when it is not part of the table. */
export function partOf(layout: Layout, key: string): string | null {
  const name = nameIn(key)
  return name === null ? null : partOfStem(layout, name.stem)
}

function partOfStem({ form, stem }: Layout, of: string): string | null {
  const [before = '', after = ''] = stem('\0').split('\0')
  if (!of.startsWith(before) || !of.endsWith(after)) return null
  const part = of.slice(before.length, of.length - after.length)
  return form.test(part) ? part : null
}

/** The table of a file without version and ending; undefined when it is of none. */
export const tableOf = (stem: string): Table | undefined =>
  LAYOUTS.find((layout) => partOfStem(layout, stem) !== null)?.table

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
