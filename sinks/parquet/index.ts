/** The Parquet sink: a lake of files that every reader of Parquet opens by their names alone. */

import { randomUUID } from 'node:crypto'
import type { Span } from '../../schemas/day-digest.js'
import type { Sink } from '../../src/contract.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { requireConditionalWrites } from '../shared/conditional-writes.js'
import { DUCKDB_SQL } from '../shared/duckdb-forms.js'
import { refuseUnknownColumns } from '../shared/duckdb-tables.js'
import { findingRows } from '../shared/findings.js'
import { type Lake, openLake } from '../shared/lake.js'
import { askLake, daysIn, eventsOfDays, type TableFiles, writeFromLake } from '../shared/lake-query.js'
import { lakeQuestions } from '../shared/lake-questions.js'
import { guardedIn, lakeMembers, noLakeYet } from '../shared/lake-sink.js'
import { MARK_FILE, mark, markOf } from '../shared/mark.js'
import { rowsIn } from '../shared/parquet-rows.js'
import { privacyRows, rememberedOf } from '../shared/privacy.js'
import { MISSING } from '../shared/written-rows.js'
import { changedRows, firstFiles } from './changes.js'
import { eraseInLake } from './erase.js'
import { publish, stage } from './file.js'
import { newNote, repairNoted } from './journal.js'
import {
  ACTIONS,
  CONFLICTS,
  EVENTS,
  FINDINGS,
  LAKE_LAYOUT,
  type Layout,
  LOADS,
  layoutOf,
  PRIVACY,
  REJECTS,
} from './layout.js'
import { loadBatch } from './load.js'
import { MISPLACED, PLACES } from './places.js'
import { snapshots } from './snapshot.js'
import { currentOf, versionsOf } from './versions.js'

/**
 * @param address `parquet:FOLDER`, `parquet+s3://bucket[/prefix]`, `parquet+gs://…` or `parquet+az://…`
 * @param signal  ends what `prepare`, `receipts` and `query` wait for
 * @throws AuditError, exit code 2, when it is none of these
 */
export async function parquetSink(address: string, signal: AbortSignal): Promise<Sink> {
  return lakeSink(await openLake('parquet', address), signal)
}

export function lakeSink(lake: Lake, signal: AbortSignal): Sink {
  const { id, store, prefix } = lake
  const files = snapshots(lake)
  const tables: TableFiles = {
    relations: PLACES,
    filesOf: (table, stop, days) => files.filesOf(layoutOf(table), stop, days),
  }
  const guarded = guardedIn(lake)

  /** The events of the spans' days, for which no other file is fetched. */
  const eventsIn = (spans: readonly Span[]): Promise<string> =>
    guarded(async () => eventsOfDays(daysIn(await files.partsOf(EVENTS, signal), spans)))

  const questions = lakeQuestions(eventsIn, () => guarded(() => files.partsOf(EVENTS, signal)))

  /** Adds the rows of a relation whose key is new. */
  const addRows = (layout: Layout, relation: string): Promise<void> =>
    guarded(() =>
      withConnection(async (connection) => {
        const folder = await files.folder()
        const changes = await changedRows(id, connection, layout, relation, MISSING)
        for (const change of changes) await publish(lake, await stage(lake, change, folder, signal), folder)
      }),
    )

  /** A load that was killed leaves rows of events, conflicts or rejects, and no row of audit_loads. */
  async function wasLoaded(): Promise<boolean> {
    for (const layout of [LOADS, EVENTS]) if ((await files.partsOf(layout, signal)).length > 0) return true
    for (const layout of [CONFLICTS, REJECTS]) {
      const there = await files.filesOf(layout, signal)
      const one = `SELECT 1 FROM (${rowsIn(layout.table, there)}) LIMIT 1`
      const { currentRowCount } = await withConnection((connection) => connection.runAndReadAll(one))
      if (currentRowCount > 0) return true
    }
    return false
  }

  async function mustExist(): Promise<void> {
    if (currentOf(await versionsOf(lake, ACTIONS.stem('actions'), signal)) === null) throw noLakeYet(lake)
  }

  return {
    ...lakeMembers(lake, tables, signal),

    prepare: () =>
      guarded(async () => {
        const folder = await files.folder()
        await mark(lake, LAKE_LAYOUT, folder, signal)
        await requireConditionalWrites(id, store, prefix + MARK_FILE, Buffer.from(markOf(LAKE_LAYOUT)), signal)
        await repairNoted(lake, folder, signal)
        await withConnection(async (connection) => {
          const changes = firstFiles(id, connection)
          // Written in each run, so that a store that refuses to remove files does so before any of them is replaced.
          const note = newNote(lake, randomUUID())
          await note.add(changes)
          for (const change of changes) await publish(lake, await stage(lake, change, folder, signal), folder)
          await note.remove()
        })
      }),

    remembered: () =>
      guarded(async () => {
        const there = await files.filesOf(PRIVACY, signal)
        const hasLoads = await wasLoaded()
        return withConnection(async (connection) => {
          // A newer version may have a rule there that this one would not follow.
          await refuseUnknownColumns(id, connection, PRIVACY.table, there)
          const rows = await connection.runAndReadAll(
            `SELECT privacy_id, kind, value FROM (${rowsIn(PRIVACY.table, there)}) ORDER BY privacy_id`,
          )
          return { ...rememberedOf(rows.getRows()), hasLoads }
        })
      }),

    remember: (records) => addRows(PRIVACY, privacyRows(records)),

    report: (findings) => addRows(FINDINGS, findingRows(findings, DUCKDB_SQL.instant)),

    erase: (erasure) =>
      guarded(() => withConnection((connection) => eraseInLake(lake, files, connection, erasure, signal))),

    load: (batch, stop) => loadBatch(lake, batch, stop),

    async query(sql, parameters = new Map()) {
      await mustExist()
      return askLake(id, tables, { sql, parameters }, signal)
    },

    async queryTo(file, sql, memoryBytes) {
      await mustExist()
      await writeFromLake(id, tables, { sql, file, memoryBytes }, signal)
    },

    questions: { ...questions, proof: { ...questions.proof, misplaced: MISPLACED } },

    async close() {
      await files.remove()
      await store.close()
    },
  }
}
