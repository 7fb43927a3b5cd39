/** Creates what a schema lacks of our tables, and nothing when it lacks nothing. */

import { ACTIONS } from '../../schemas/actions.js'
import { createTable, REDSHIFT } from '../../schemas/ddl.js'
import { AUDIT_ACTIONS, AUDIT_EVENTS, AUDIT_LOADS, LAYOUT_VERSION, TABLES, type Table } from '../../schemas/tables.js'
import type { Value } from '../../src/contract.js'
import { LAYOUT_MARK, layoutIn, refuseNewerLayout } from '../shared/layout.js'
import { views } from '../shared/views.js'
import type { DataApi } from './data-api.js'
import { redshiftSql } from './forms.js'
import { AUDIT_PARTS, columnsOf, literal, type Place, quote, tableOf } from './place.js'
import { queryResult } from './result.js'

/** https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html#data-api-calling-considerations */
const STATEMENTS_A_BATCH = 40

/** The first table to be made has the mark in its comment, so that nothing of a newer layout is without it. */
const MARKED = AUDIT_EVENTS

/** What is there: `table.column`, names of views and schemas, and the layout that the mark names. */
interface Catalogue {
  readonly columns: ReadonlySet<string>
  readonly views: ReadonlySet<string>
  readonly schemas: ReadonlySet<string>
  readonly layout: number | null
}

/** @throws AuditError when a newer version has made the tables; retryable when something else made the same at the same time */
export async function prepare(id: string, place: Place, api: DataApi, signal: AbortSignal): Promise<void> {
  const run = (sqls: readonly string[]): Promise<string> => api.must({ sqls, what: 'preparing the tables', signal })
  const rowsOf = async (statement: string, n: number): Promise<(readonly Value[])[]> => {
    const rows = []
    for await (const row of queryResult(await api.result(statement, n)).rows) rows.push(row)
    return rows
  }
  const looked = await run(catalogueStatements(place))
  const layout = layoutIn(String((await rowsOf(looked, 4))[0]?.[0]))
  refuseNewerLayout(id, layout)
  const missing = missingStatements(place, {
    columns: new Set((await rowsOf(looked, 1)).map(([table, column]) => `${table}.${column}`)),
    views: new Set((await rowsOf(looked, 2)).map(([name]) => String(name))),
    schemas: new Set((await rowsOf(looked, 3)).map(([name]) => String(name))),
    layout,
  })
  for (let at = 0; at < missing.length; at += STATEMENTS_A_BATCH) await run(missing.slice(at, at + STATEMENTS_A_BATCH))
  if (actionsDiffer(await rowsOf(await run([selectActions(place)]), 1))) await run(actionStatements(place))
}

/** Four SELECTs, for the four parts of the catalogue. */
export const catalogueStatements = ({ schema, prefix }: Place): string[] => [
  `SELECT table_name, column_name FROM svv_columns WHERE table_schema = ${literal(schema)}`,
  `SELECT viewname FROM pg_views WHERE schemaname = ${literal(schema)}`,
  `SELECT nspname FROM pg_namespace WHERE nspname = ${literal(schema)}`,
  `SELECT obj_description(c.oid) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ${literal(schema)} AND c.relname = ${literal(prefix + MARKED.name)}`,
]

/** Creates what is missing and adds columns; there is no IF NOT EXISTS for columns in Redshift. None when nothing is missing. */
export function missingStatements(place: Place, there: Catalogue): string[] {
  return [
    ...(there.schemas.has(place.schema) ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quote(place.schema)}`]),
    ...[...TABLES, AUDIT_PARTS].flatMap((table) => missingOf(table, place, there)),
    ...views(redshiftSql(place))
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
  const text = table === MARKED ? `${table.meaning} (${LAYOUT_MARK})` : table.meaning
  const comment = `COMMENT ON TABLE ${name} IS ${literal(text)}`
  if (missing.length === table.columns.length) {
    const create = createTable(table, REDSHIFT, name).replace(/;$/, '')
    return [create, comment, ...comments]
  }
  return [
    ...(table === MARKED && there.layout !== LAYOUT_VERSION ? [comment] : []),
    ...missing.map((column) => `ALTER TABLE ${name} ADD COLUMN ${quote(column.name)} ${REDSHIFT.types[column.type]}`),
    ...comments,
  ]
}

const selectActions = (place: Place): string =>
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
function actionsDiffer(rows: readonly (readonly Value[])[]): boolean {
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
