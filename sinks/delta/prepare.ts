/** Makes the tables that are missing, and adds columns that an older version did not know. */

import { AUDIT_ACTIONS, TABLES, type Table } from '../../schemas/tables.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { actionRows } from '../shared/duckdb-tables.js'
import { contended, MOST_ATTEMPTS } from '../shared/lake.js'
import { filed, rowsIn } from '../shared/parquet-rows.js'
import type { Action } from './actions.js'
import { type Author, type Changed, newFile, publish, stage } from './commit.js'
import { readOn, writeCommit } from './log.js'
import { newMetaData, PROTOCOL, requireOurs, withMissingColumns } from './schema.js'
import type { Snapshot } from './snapshot.js'
import type { Tables } from './tables.js'

/** All tables are looked at before one is changed. */
export async function makeTables(tables: Tables, author: Author, signal: AbortSignal): Promise<void> {
  const found = await Promise.all(
    TABLES.map(async (table) => {
      const snapshot = await tables.current(table, signal)
      requireOurs(tables.lake.id, table, snapshot)
      return { table, snapshot }
    }),
  )
  await Promise.all(found.map(({ table, snapshot }) => makeTable(tables, table, snapshot, signal)))
  await writeActions(tables, author, signal)
}

async function makeTable(tables: Tables, table: Table, existing: Snapshot, signal: AbortSignal): Promise<void> {
  const { lake } = tables
  let snapshot = existing
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    requireOurs(lake.id, table, snapshot)
    const { metaData, version } = snapshot
    const changed =
      metaData === null ? newMetaData(table) : withMissingColumns(`${lake.id}: ${table.name}`, table, metaData)
    if (changed === null) return tables.keep(table, snapshot)
    const commitInfo = {
      timestamp: Date.now(),
      operation: metaData === null ? 'CREATE TABLE' : 'ADD COLUMNS',
      operationParameters: {},
      engineInfo: 'wandb-audit',
    }
    const actions: Action[] = [
      { commitInfo },
      ...(metaData === null ? [{ protocol: PROTOCOL }] : []),
      { metaData: changed },
    ]
    await writeCommit(lake, table, version + 1, actions, signal)
    snapshot = (await readOn(lake, table, snapshot, signal)).snapshot
  }
  throw contended(lake, `committing to ${table.name} first`)
}

/** The rows of audit_actions are those of this version. */
async function writeActions(tables: Tables, author: Author, signal: AbortSignal): Promise<void> {
  const folder = await tables.folder()
  await withConnection(async (connection) => {
    const actions = `SELECT ${filed(AUDIT_ACTIONS)} FROM ${actionRows()}`
    const stageActions = async ({ files }: Snapshot, stop: AbortSignal): Promise<Changed<void>> => {
      const removed = [...files.values()]
      const known = `(${rowsIn(AUDIT_ACTIONS, await tables.copies(AUDIT_ACTIONS, removed, stop))})`
      const differing = `(FROM ${known} EXCEPT FROM (${actions})) UNION ALL (FROM (${actions}) EXCEPT FROM ${known})`
      const found = await connection.runAndReadAll(`SELECT 1 FROM (${differing}) LIMIT 1`)
      if (found.currentRowCount === 0) return { added: [], removed: [], outcome: undefined }
      return { added: [await newFile(tables, connection, AUDIT_ACTIONS, actions, folder)], removed, outcome: undefined }
    }
    const staged = await stage(tables, AUDIT_ACTIONS, [{ mayMeet: () => true, stage: stageActions }], signal)
    await publish(tables, staged, author, 'WRITE')
  })
}
