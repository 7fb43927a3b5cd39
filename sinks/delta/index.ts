/** The Delta sink: each table is a Delta table, which Spark and many others read with isolation. docs/delta.md */

import { randomUUID } from 'node:crypto'
import type { Span } from '../../schemas/day-digest.js'
import {
  AUDIT_ACTIONS,
  AUDIT_CONFLICTS,
  AUDIT_EVENTS,
  AUDIT_FINDINGS,
  AUDIT_LOADS,
  AUDIT_PRIVACY,
  AUDIT_REJECTS,
  LAYOUT_VERSION,
  type Table,
} from '../../schemas/tables.js'
import type { Sink } from '../../src/contract.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { requireConditionalWrites } from '../shared/conditional-writes.js'
import { DUCKDB_SQL } from '../shared/duckdb-forms.js'
import { misplacedIn } from '../shared/file-places.js'
import { findingRows } from '../shared/findings.js'
import { type Lake, openLake } from '../shared/lake.js'
import { askLake, daysIn, eventsOfDays, writeFromLake } from '../shared/lake-query.js'
import { lakeQuestions } from '../shared/lake-questions.js'
import { guardedIn, lakeMembers, noLakeYet } from '../shared/lake-sink.js'
import { MARK_FILE, mark, markOf } from '../shared/mark.js'
import { rowsIn } from '../shared/parquet-rows.js'
import { privacyRows, rememberedOf } from '../shared/privacy.js'
import { MISSING } from '../shared/written-rows.js'
import { authorOf, publish, stage } from './commit.js'
import { eraseInTables } from './erase.js'
import { loadBatch } from './load.js'
import { splitAddress } from './options.js'
import { makeTables } from './prepare.js'
import { rowsPart } from './rows.js'
import { EVENT_PLACES, tablesIn } from './tables.js'

type OnNotice = (text: string) => void

/**
 * @param address `delta:FOLDER`, `delta+s3://bucket[/prefix]`, `delta+gs://…` or `delta+az://…`, with `?maintenance=off`
 * @param onNotice told when the tables could not be maintained after a load
 * @param signal  ends what `prepare`, `receipts` and `query` wait for
 * @throws AuditError, exit code 2, when it is none of these
 */
export async function deltaSink(address: string, signal: AbortSignal, onNotice?: OnNotice): Promise<Sink> {
  const { lake, isMaintained } = splitAddress(address)
  return deltaIn(await openLake('delta', lake), signal, onNotice, isMaintained)
}

/** @param isMaintained whether loads maintain the tables */
export function deltaIn(
  lake: Lake,
  signal: AbortSignal,
  onNotice: OnNotice = () => {},
  isMaintained: boolean = true,
): Sink {
  const { id, store, prefix } = lake
  const tables = tablesIn(lake)
  const guarded = guardedIn(lake)

  /** The events of the spans' days, for which no other file is fetched. */
  const eventsIn = (spans: readonly Span[]): Promise<string> =>
    guarded(async () => eventsOfDays(daysIn(await tables.days(signal), spans)))

  const questions = lakeQuestions(eventsIn, () => guarded(() => tables.days(signal)))

  /** Adds the rows of a relation whose key is new. */
  const addRows = (table: Table, relation: string): Promise<void> =>
    guarded(() =>
      withConnection(async (connection) => {
        const part = await rowsPart(tables, connection, table, relation, MISSING, await tables.folder())
        await publish(tables, await stage(tables, table, [part], signal), authorOf(randomUUID()), 'WRITE')
      }),
    )

  async function mustExist(): Promise<void> {
    if ((await guarded(() => tables.current(AUDIT_ACTIONS, signal))).version < 0) throw noLakeYet(lake)
  }

  return {
    ...lakeMembers(lake, tables, signal),

    prepare: () =>
      guarded(async () => {
        tables.forget()
        await mark(lake, LAYOUT_VERSION, await tables.folder(), signal)
        await requireConditionalWrites(id, store, prefix + MARK_FILE, Buffer.from(markOf(LAYOUT_VERSION)), signal)
        await makeTables(tables, authorOf(randomUUID()), signal)
      }),

    remembered: () =>
      guarded(async () => {
        // A lake of an older version may not have it.
        const isThere = (await tables.current(AUDIT_PRIVACY, signal)).version >= 0
        const there = isThere ? await tables.filesOf(AUDIT_PRIVACY, signal) : []
        // A load that was killed leaves rows of events, conflicts or rejects, and no row of audit_loads.
        let hasLoads = false
        for (const table of [AUDIT_LOADS, AUDIT_EVENTS, AUDIT_CONFLICTS, AUDIT_REJECTS])
          hasLoads ||= (await tables.current(table, signal)).files.size > 0
        return withConnection(async (connection) => {
          const rows = await connection.runAndReadAll(
            `SELECT privacy_id, kind, value FROM (${rowsIn(AUDIT_PRIVACY, there)}) ORDER BY privacy_id`,
          )
          return { ...rememberedOf(rows.getRows()), hasLoads }
        })
      }),

    remember: (records) => addRows(AUDIT_PRIVACY, privacyRows(records)),

    report: (findings) => addRows(AUDIT_FINDINGS, findingRows(findings, DUCKDB_SQL.instant)),

    erase: (erasure) =>
      guarded(() => withConnection((connection) => eraseInTables(tables, connection, erasure, signal))),

    load: (batch, stop) => loadBatch(tables, batch, isMaintained ? onNotice : null, stop),

    async query(sql, parameters = new Map()) {
      await mustExist()
      return askLake(id, tables, { sql, parameters }, signal)
    },

    async queryTo(file, sql, memoryBytes) {
      await mustExist()
      await writeFromLake(id, tables, { sql, file, memoryBytes }, signal)
    },

    questions: { ...questions, proof: { ...questions.proof, misplaced: misplacedIn(EVENT_PLACES, 'event', 'part') } },

    async close() {
      await tables.remove()
      await store.close()
    },
  }
}
