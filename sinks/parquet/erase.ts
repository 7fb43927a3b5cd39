/** Clears what an erasure lists: rewrites each file of the lake that holds part of it. */

import { randomUUID } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import type { Erasure } from '../../src/contract.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { type EraseStatement, eraseStatements } from '../shared/erase.js'
import type { Lake } from '../shared/lake.js'
import { filed, rowsIn } from '../shared/parquet-rows.js'
import { refuseUnknown } from './changes.js'
import { type Change, publish, stage } from './file.js'
import { newNote } from './journal.js'
import { CONFLICTS, EVENTS, fileOf, type Layout, REJECT_PIECES, REJECTS } from './layout.js'
import type { Snapshots } from './snapshot.js'

/** Pieces before their rejects, conflicts and events last: an interrupted erasure finds the rest again. */
const ERASED = [REJECT_PIECES, REJECTS, CONFLICTS, EVENTS]

const COPY = 'erased_file'

export async function eraseInLake(
  lake: Lake,
  files: Snapshots,
  connection: DuckDBConnection,
  erasure: Erasure,
  signal: AbortSignal,
): Promise<void> {
  const folder = await files.folder()
  const forms = { table: () => COPY, quote: DUCKDB.quote, digest: (text: string) => `sha256(${text})` }
  const statements = eraseStatements(erasure, forms)
  const note = newNote(lake, randomUUID())
  for (const layout of ERASED) {
    const own = statements.filter(({ table }) => table === layout.table)
    if (own.length === 0) continue
    for (const part of await files.partsOf(layout, signal)) {
      const change = clearing(lake.id, connection, layout, part, own)
      await note.add([change])
      await publish(lake, await stage(lake, change, folder, signal), folder)
    }
  }
  await note.remove()
}

function clearing(
  who: string,
  connection: DuckDBConnection,
  layout: Layout,
  part: string,
  statements: readonly EraseStatement[],
): Change<void> {
  const { table } = layout
  return {
    ...fileOf(layout, part),
    async merge(existing, target) {
      if (existing === null) return { changed: false, outcome: undefined }
      await refuseUnknown(who, connection, table, existing)
      await connection.run(`CREATE OR REPLACE TEMP TABLE ${COPY} AS ${rowsIn(table, [existing])}`)
      let changed = 0
      for (const { sql } of statements) changed += (await connection.run(sql)).rowsChanged
      if (changed > 0) {
        const key = table.key.map(DUCKDB.quote).join(', ')
        await writeParquet(who, connection, `SELECT ${filed(table)} FROM ${COPY} ORDER BY ${key}`, target)
      }
      await connection.run(`DROP TABLE ${COPY}`)
      return { changed: changed > 0, outcome: undefined }
    },
  }
}
