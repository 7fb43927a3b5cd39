/** What a schema lacks of our tables, and the statements that add it. */

import { ACTIONS } from '../../schemas/actions.js'
import { createTable, REDSHIFT } from '../../schemas/ddl.js'
import { AUDIT_ACTIONS, AUDIT_LOADS, TABLES, type Table } from '../../schemas/tables.js'
import type { Value } from '../../src/contract.js'
import { AUDIT_PARTS, columnsOf, literal, type Place, quote, tableOf } from './place.js'
import { views } from './views.js'

/** What is there: `table.column`, and names of views and schemas. */
export interface Catalogue {
  readonly columns: ReadonlySet<string>
  readonly views: ReadonlySet<string>
  readonly schemas: ReadonlySet<string>
}

/** Three SELECTs, for the three parts of the catalogue. */
export const catalogueStatements = ({ schema }: Place): string[] => [
  `SELECT table_name, column_name FROM svv_columns WHERE table_schema = ${literal(schema)}`,
  `SELECT viewname FROM pg_views WHERE schemaname = ${literal(schema)}`,
  `SELECT nspname FROM pg_namespace WHERE nspname = ${literal(schema)}`,
]

/** Creates what is missing and adds columns; there is no IF NOT EXISTS for columns in Redshift. None when nothing is missing. */
export function missingStatements(place: Place, there: Catalogue): string[] {
  return [
    ...(there.schemas.has(place.schema) ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quote(place.schema)}`]),
    ...[...TABLES, AUDIT_PARTS].flatMap((table) => missingOf(table, place, there)),
    ...views(place)
      .filter(({ name }) => !there.views.has(place.prefix + name))
      .map(({ name, sql }) => `CREATE OR REPLACE VIEW ${tableOf(place, { name })} AS\n${sql}\nWITH NO SCHEMA BINDING`),
  ]
}

function missingOf(table: Table, place: Place, there: Catalogue): string[] {
  const has = (column: string): boolean => there.columns.has(`${place.prefix}${table.name}.${column}`)
  const name = tableOf(place, table)
  const missing = table.columns.filter((column) => !has(column.name))
  const comments = missing.map(
    (column) => `COMMENT ON COLUMN ${name}.${quote(column.name)} IS ${literal(column.meaning)}`,
  )
  if (missing.length === table.columns.length) {
    const create = createTable(table, REDSHIFT, name).replace(/;$/, '')
    return [create, `COMMENT ON TABLE ${name} IS ${literal(table.meaning)}`, ...comments]
  }
  return [
    ...missing.map((column) => `ALTER TABLE ${name} ADD COLUMN ${quote(column.name)} ${REDSHIFT.types[column.type]}`),
    ...comments,
  ]
}

export const selectActions = (place: Place): string =>
  `SELECT ${columnsOf(AUDIT_ACTIONS)} FROM ${tableOf(place, AUDIT_ACTIONS)} ORDER BY "action"`

const documented = ACTIONS.map(({ action, object, verb, category, destructive, definition }): readonly Value[] => [
  action,
  object,
  verb,
  category,
  destructive,
  definition,
])

/** @param rows what `selectActions` gave */
export function actionsDiffer(rows: readonly (readonly Value[])[]): boolean {
  const texts = (all: readonly (readonly Value[])[]): string =>
    JSON.stringify(all.map((row) => JSON.stringify(row)).sort())
  return texts(rows) !== texts(documented)
}

/** Whoever writes holds the lock: two at once would both insert. */
export function actionStatements(place: Place): string[] {
  const value = (each: Value): string => (typeof each === 'string' ? literal(each) : String(each))
  return [
    `LOCK ${tableOf(place, AUDIT_LOADS)}`,
    `DELETE FROM ${tableOf(place, AUDIT_ACTIONS)}`,
    `INSERT INTO ${tableOf(place, AUDIT_ACTIONS)} (${columnsOf(AUDIT_ACTIONS)}) VALUES\n${documented
      .map((row) => `  (${row.map(value).join(', ')})`)
      .join(',\n')}`,
  ]
}
