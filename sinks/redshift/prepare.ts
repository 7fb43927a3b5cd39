/** Creates what a schema lacks of our tables. */

import { createHash } from 'node:crypto'
import { ACTIONS } from '../../schemas/actions.js'
import { createTable, REDSHIFT, typeOf } from '../../schemas/ddl.js'
import { AUDIT_ACTIONS, AUDIT_EVENTS, LAYOUT_VERSION, TABLES, type Table } from '../../schemas/tables.js'
import type { Value } from '../../src/contract.js'
import { LAYOUT_MARK, layoutIn, refuseNewerLayout } from '../shared/layout.js'
import { views } from '../shared/views.js'
import type { DataApi } from './data-api.js'
import { redshiftSql } from './forms.js'
import { AUDIT_LOCK, AUDIT_PARTS, columnsOf, literal, type Namespace, quote, tableOf, takeTurn } from './namespace.js'
import { queryResult } from './result.js'

/** https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html#data-api-calling-considerations */
const STATEMENTS_A_BATCH = 40

/** The first table created carries the mark in its comment, so that nothing of a newer layout exists without it. */
const MARKED = AUDIT_EVENTS

/** What exists: `table.column`, names of views and schemas, and the layout that the mark names. */
interface Catalogue {
  readonly columns: ReadonlySet<string>
  readonly views: ReadonlySet<string>
  readonly schemas: ReadonlySet<string>
  readonly layout: number | null
}

/** @throws AuditError when a newer version made the tables; retryable when another run created the same at the same time */
export async function prepare(id: string, place: Namespace, api: DataApi, signal: AbortSignal): Promise<void> {
  const run = (sqls: readonly string[]): Promise<string> => api.must({ sqls, what: 'preparing the tables', signal })
  const rowsOf = async (statement: string, n: number): Promise<(readonly Value[])[]> => {
    const rows = []
    for await (const row of queryResult(await api.result(statement, n)).rows) rows.push(row)
    return rows
  }
  const looked = await run(catalogueStatements(place))
  const comments = new Map((await rowsOf(looked, 4)).map(([table, comment]) => [table, comment]))
  const layout = layoutIn(String(comments.get(place.prefix + MARKED.name)))
  refuseNewerLayout(id, layout)
  const missing = missingStatements(place, {
    columns: new Set((await rowsOf(looked, 1)).map(([table, column]) => `${table}.${column}`)),
    views: new Set((await rowsOf(looked, 2)).map(([name]) => String(name))),
    schemas: new Set((await rowsOf(looked, 3)).map(([name]) => String(name))),
    layout,
  })
  for (let at = 0; at < missing.length; at += STATEMENTS_A_BATCH) await run(missing.slice(at, at + STATEMENTS_A_BATCH))
  if (comments.get(place.prefix + AUDIT_ACTIONS.name) !== ACTIONS_COMMENT) await run(actionStatements(place))
}

/**
 * SELECTs the parts of the catalogue. It reads none of our tables: a run without news reads only audit_privacy and its receipts.
 */
export const catalogueStatements = ({ schema, prefix }: Namespace): string[] => [
  // svv_columns would query every schema of the database, external ones included.
  `SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE n.nspname = ${literal(schema)} AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped`,
  `SELECT viewname FROM pg_views WHERE schemaname = ${literal(schema)}`,
  `SELECT nspname FROM pg_namespace WHERE nspname = ${literal(schema)}`,
  `SELECT c.relname, obj_description(c.oid) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ${literal(schema)} AND c.relname IN (${[MARKED, AUDIT_ACTIONS].map(({ name }) => literal(prefix + name)).join(', ')})`,
]

/** Statements that create what is missing and add columns; none if nothing is missing. Redshift has no IF NOT EXISTS for columns. */
export function missingStatements(place: Namespace, existing: Catalogue): string[] {
  return [
    ...(existing.schemas.has(place.schema) ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quote(place.schema)}`]),
    ...missingLock(place, existing),
    ...[...TABLES, AUDIT_PARTS].flatMap((table) => missingOf(table, place, existing)),
    ...views(redshiftSql(place))
      .filter(({ name }) => !existing.views.has(place.prefix + name))
      .map(({ name, sql }) => `CREATE OR REPLACE VIEW ${tableOf(place, { name })} AS\n${sql}\nWITH NO SCHEMA BINDING`),
  ]
}

function missingOf(table: Table, place: Namespace, existing: Catalogue): string[] {
  const has = (column: string): boolean => existing.columns.has(`${place.prefix}${table.name}.${column}`)
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
    ...(table === MARKED && existing.layout !== LAYOUT_VERSION ? [comment] : []),
    ...missing.map((column) => `ALTER TABLE ${name} ADD COLUMN ${quote(column.name)} ${typeOf(column, REDSHIFT)}`),
    ...comments,
  ]
}

/** Created with its row in the first transaction, by one run only: a second one fails, and looks again. */
function missingLock(place: Namespace, existing: Catalogue): string[] {
  const table = tableOf(place, AUDIT_LOCK)
  const create = missingOf(AUDIT_LOCK, place, existing).map((sql) =>
    sql.replace(/^CREATE TABLE IF NOT EXISTS/, 'CREATE TABLE'),
  )
  return create.length === 0 ? [] : [...create, `INSERT INTO ${table} VALUES ('')`]
}

const documented = ACTIONS.map(({ action, object, verb, category, destructive, definition }): readonly Value[] => [
  action,
  object,
  verb,
  category,
  destructive,
  definition,
])

/** Says which list of actions the table has, so that it need not be read. */
const ACTIONS_COMMENT = `${AUDIT_ACTIONS.meaning} (list ${createHash('sha256').update(JSON.stringify(documented)).digest('hex').slice(0, 16)})`

/** Takes its turn, because two runs at once would both insert. */
export function actionStatements(place: Namespace): string[] {
  const value = (each: Value): string => (typeof each === 'string' ? literal(each) : String(each))
  return [
    ...takeTurn(place, 'preparing'),
    `DELETE FROM ${tableOf(place, AUDIT_ACTIONS)}`,
    `INSERT INTO ${tableOf(place, AUDIT_ACTIONS)} (${columnsOf(AUDIT_ACTIONS)}) VALUES\n${documented
      .map((row) => `  (${row.map(value).join(', ')})`)
      .join(',\n')}`,
    `COMMENT ON TABLE ${tableOf(place, AUDIT_ACTIONS)} IS ${literal(ACTIONS_COMMENT)}`,
  ]
}
