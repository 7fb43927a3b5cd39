/** Our tables in DuckDB's SQL, for the sinks that keep them in DuckDB or merge in the engine. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { ACTIONS } from '../../schemas/actions.js'
import { createTable, DUCKDB } from '../../schemas/ddl.js'
import { AUDIT_ACTIONS, AUDIT_LOADS, TABLES, type Table } from '../../schemas/tables.js'
import type { Batch, LoadCounts } from '../../src/contract.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { DUCKDB_VIEWS } from './duckdb-forms.js'
import { LAYOUT_MARK, unknownColumn } from './layout.js'

const { quote, types } = DUCKDB

/** The names of a table's columns, in their order. */
export const columnsOf = (table: Table): string => table.columns.map(({ name }) => quote(name)).join(', ')

/**
 * Must precede whatever rewrites Parquet files: a column that a newer version of wandb-audit added would vanish from them.
 *
 * @param id    of the sink, for the message
 * @param files   as DuckDB reads paths: patterns
 * @param further columns beside the table's that are written anew
 * @throws AuditError when one of them has a column that this version does not know
 */
export async function refuseUnknownColumns(
  id: string,
  connection: DuckDBConnection,
  table: Table,
  files: readonly string[],
  further: readonly string[] = [],
): Promise<void> {
  if (files.length === 0) return
  const read = `read_parquet([${files.map(quotedString).join(', ')}], union_by_name = true, hive_partitioning = false)`
  const found = await connection.runAndReadAll(`SELECT column_name FROM (DESCRIBE FROM ${read})`)
  const known = new Set([...table.columns.map(({ name }) => name), ...further])
  const unknown = found.getRows().find(([name]) => !known.has(String(name)))
  if (unknown !== undefined) throw unknownColumn(id, table.name, String(unknown[0]))
}

/**
 * Creates what is missing in the current schema: tables and new columns. Marks the tables and fills audit_actions.
 *
 * @param standing the columns of a table that is there already; undefined when it is not
 */
export async function createTables(
  connection: DuckDBConnection,
  standing: (table: string) => { has(column: string): boolean } | undefined,
): Promise<void> {
  for (const table of TABLES) {
    const name = quote(table.name)
    const there = standing(table.name)
    if (there === undefined) await connection.run(createTable(table, DUCKDB))
    const missing = there === undefined ? [] : table.columns.filter((column) => !there.has(column.name))
    for (const column of missing)
      await connection.run(`ALTER TABLE ${name} ADD COLUMN IF NOT EXISTS ${quote(column.name)} ${types[column.type]}`)
    await connection.run(`COMMENT ON TABLE ${name} IS '${LAYOUT_MARK}'`)
  }
  await connection.run(`DELETE FROM ${AUDIT_ACTIONS.name}`)
  await connection.run(`INSERT INTO ${AUDIT_ACTIONS.name} (${columnsOf(AUDIT_ACTIONS)}) FROM ${actionRows()}`)
}

/** Creates or replaces the views in the current schema, which has the tables, and marks them. */
export async function createViews(connection: DuckDBConnection): Promise<void> {
  for (const { name, sql } of DUCKDB_VIEWS) {
    await connection.run(`CREATE OR REPLACE VIEW ${quote(name)} AS\n${sql}`)
    // A view loses its comment whenever it is replaced.
    await connection.run(`COMMENT ON VIEW ${quote(name)} IS '${LAYOUT_MARK}'`)
  }
}

/** A relation with the rows of audit_actions. */
export function actionRows(): string {
  const rows = ACTIONS.map(({ action, object, verb, category, destructive, definition }) => {
    const texts = [action, object, verb, category].map(quotedString)
    return `(${[...texts, String(destructive), quotedString(definition)].join(', ')})`
  })
  return `(VALUES ${rows.join(', ')}) AS actions (${columnsOf(AUDIT_ACTIONS)})`
}

/** A relation with the batch's row of audit_loads, finished now. */
export function loadRow(batch: Batch, counts: LoadCounts): string {
  const { loadId, documents, startedAt, loaderVersion } = batch
  const { read, ...others } = counts
  const values: Readonly<Record<string, string | number>> = {
    ...{ load_id: loadId, documents, rows_read: read, ...others, loader_version: loaderVersion },
    ...{ started_at: startedAt.toISOString(), finished_at: new Date().toISOString() },
  }
  const columns = AUDIT_LOADS.columns.map(
    ({ name, type }) => `CAST(${constant(values[name])} AS ${types[type]}) AS ${quote(name)}`,
  )
  return `(SELECT ${columns.join(', ')})`
}

function constant(value: string | number | undefined): string {
  if (value === undefined) return 'NULL'
  return typeof value === 'string' ? quotedString(value) : String(value)
}

/**
 * Each document's version of the newest receipt.
 *
 * @param receipts what follows FROM: a relation with the columns of audit_documents
 */
export async function newestReceipts(
  connection: DuckDBConnection,
  receipts: string,
  source: string,
): Promise<ReadonlyMap<string, string>> {
  const result = await connection.runAndReadAll(
    `SELECT document, arg_max(document_version, loaded_at) FROM ${receipts} WHERE source = $1 GROUP BY document`,
    [source],
  )
  return new Map(result.getRows().map(([document, version]) => [String(document), String(version)]))
}
