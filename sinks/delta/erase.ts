/** Clears what an erasure lists: writes each file again that holds part of it. The replaced files stay until they are vacuumed. */

import { randomUUID } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { AUDIT_CONFLICTS, AUDIT_EVENTS, AUDIT_REJECT_PIECES, AUDIT_REJECTS, type Table } from '../../schemas/tables.js'
import type { Erasure } from '../../src/contract.js'
import { type EraseStatement, eraseStatements } from '../shared/erase.js'
import { filed, rowsIn } from '../shared/parquet-rows.js'
import type { Add } from './actions.js'
import { authorOf, type Changed, type NewFile, newFile, type Part, publish, stage } from './commit.js'
import { partitionOf } from './snapshot.js'
import type { Tables } from './tables.js'

/** Pieces before their rejects, conflicts and events last: an interrupted erasure finds the rest again. */
const ERASED = [AUDIT_REJECT_PIECES, AUDIT_REJECTS, AUDIT_CONFLICTS, AUDIT_EVENTS]

const COPY = 'erased_file'

export async function eraseInTables(
  tables: Tables,
  connection: DuckDBConnection,
  erasure: Erasure,
  signal: AbortSignal,
): Promise<void> {
  const forms = { table: () => COPY, quote: DUCKDB.quote, digest: (text: string) => `sha256(${text})` }
  const statements = eraseStatements(erasure, forms)
  const author = authorOf(randomUUID())
  for (const table of ERASED) {
    const own = statements.filter((statement) => statement.table === table)
    if (own.length === 0) continue
    const { files } = await tables.current(table, signal)
    const partitions = new Set([...files.values()].map(partitionOf))
    for (const partition of partitions) {
      const part = clearing(tables, connection, table, partition, own)
      await publish(tables, await stage(tables, table, [part], signal), author, 'UPDATE')
      // Or a copy of the whole lake would be kept.
      await tables.release(table)
    }
  }
}

function clearing(
  tables: Tables,
  connection: DuckDBConnection,
  table: Table,
  partition: string | null,
  statements: readonly EraseStatement[],
): Part<void> {
  const key = table.key.map(DUCKDB.quote).join(', ')
  return {
    mayMeet: (file) => partitionOf(file) === partition,
    async stage({ files }, signal): Promise<Changed<void>> {
      const folder = await tables.folder()
      const [added, removed]: [NewFile[], Add[]] = [[], []]
      for (const file of [...files.values()].filter((each) => partitionOf(each) === partition)) {
        const copies = await tables.copies(table, [file], signal)
        await connection.run(`CREATE OR REPLACE TEMP TABLE ${COPY} AS ${rowsIn(table, copies)}`)
        let changed = 0
        for (const { sql } of statements) changed += (await connection.run(sql)).rowsChanged
        if (changed > 0) {
          const select = `SELECT ${filed(table)} FROM ${COPY} ORDER BY ${key}`
          added.push(await newFile(tables, connection, table, select, folder, partition))
          removed.push(file)
        }
        await connection.run(`DROP TABLE ${COPY}`)
      }
      return { added, removed, outcome: undefined }
    },
  }
}
