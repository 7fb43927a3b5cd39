/** What a batch changes in the other tables: rows by their keys. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { TABLES, type Table } from '../../schemas/tables.js'
import { filed, rowsIn } from '../shared/parquet-rows.js'
import { MISSING, type Written } from '../shared/written-rows.js'
import type { Add } from './actions.js'
import { type Changed, newFile, type Part } from './commit.js'
import { mayHoldText, tellingColumn } from './statistics.js'
import type { Tables } from './tables.js'

const kept = ({ name }: Table): string => `delta_${name}`
const over = ({ name }: Table): string => `delta_over_${name}`

/** Drops the tables that parts read from. */
export async function dropKept(engine: DuckDBConnection): Promise<void> {
  for (const table of TABLES)
    for (const name of [kept(table), over(table)]) await engine.run(`DROP TABLE IF EXISTS ${name}`)
}

/**
 * Adds the relation's rows to a table.
 *
 * @param written which of them, given the rows that are there; a row whose key is there is replaced
 * @param folder  receives the new file
 */
export async function rowsPart(
  tables: Tables,
  engine: DuckDBConnection,
  table: Table,
  relation: string,
  written: Written,
  folder: string,
): Promise<Part<void>> {
  await engine.run(`CREATE OR REPLACE TEMP TABLE ${kept(table)} AS SELECT ${filed(table)} FROM ${relation}`)
  const column = tellingColumn(table)
  const bounds = `SELECT min(${DUCKDB.quote(column)}), max(${DUCKDB.quote(column)}) FROM ${kept(table)}`
  const [[least, greatest] = []] = (await engine.runAndReadAll(bounds)).getRows()
  const mayMeet = (file: Add): boolean => mayHoldText(file, column, String(least), String(greatest))
  return {
    mayMeet,
    stage: ({ files }, signal) =>
      stageRows(tables, engine, table, written, folder, [...files.values()].filter(mayMeet), signal),
  }
}

async function stageRows(
  tables: Tables,
  engine: DuckDBConnection,
  table: Table,
  written: Written,
  folder: string,
  files: readonly Add[],
  signal: AbortSignal,
): Promise<Changed<void>> {
  const copies = await tables.copies(table, files, signal)
  const key = table.key.map(DUCKDB.quote).join(', ')
  const known = rowsIn(table, copies)
  await engine.run(
    `CREATE OR REPLACE TEMP TABLE ${over(table)} AS SELECT ${filed(table)} FROM (${written(`FROM ${kept(table)}`, known, key)})`,
  )
  const none = { added: [], removed: [], outcome: undefined }
  if ((await engine.runAndReadAll(`SELECT 1 FROM ${over(table)} LIMIT 1`)).currentRowCount === 0) return none
  const [removed, replaced]: [Add[], string[]] = [[], []]
  // Rows whose keys are missing replace none.
  for (const [i, file] of written === MISSING ? [] : files.entries()) {
    const copy = copies[i] ?? ''
    const held = `SELECT 1 FROM (${rowsIn(table, [copy])}) SEMI JOIN ${over(table)} USING (${key}) LIMIT 1`
    if ((await engine.runAndReadAll(held)).currentRowCount === 0) continue
    removed.push(file)
    replaced.push(copy)
  }
  const select = `
    FROM ${over(table)}
    UNION ALL
    FROM (${rowsIn(table, replaced)}) ANTI JOIN ${over(table)} USING (${key})
    ORDER BY ${key}`
  return { added: [await newFile(tables, engine, table, select, folder)], removed, outcome: undefined }
}
