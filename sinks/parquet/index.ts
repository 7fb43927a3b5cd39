/** The Parquet sink: a lake of files that every reader of Parquet opens by their names alone. */

import { randomUUID } from 'node:crypto'
import { hourDigests, identities, newestEvent, type Span } from '../../schemas/day-digest.js'
import type { Sink } from '../../src/contract.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { AuditError } from '../../src/errors.js'
import { probeWrites } from '../../src/stores/probe.js'
import { requireConditionalWrites } from '../shared/conditional-writes.js'
import { DUCKDB_SQL } from '../shared/duckdb-forms.js'
import { newestReceipts, refuseUnknownColumns } from '../shared/duckdb-tables.js'
import { findingRows } from '../shared/findings.js'
import { privacyRows, rememberedOf } from '../shared/privacy.js'
import { privateCheck } from '../shared/private-file.js'
import { questions, statusOn } from '../shared/questions.js'
import { reportQuestions, reportSpan } from '../shared/report.js'
import { changedRows, firstFiles, MISSING } from './changes.js'
import { eraseInLake } from './erase.js'
import { publish, stage } from './file.js'
import { newNote, repairNoted } from './journal.js'
import { type Lake, openLake } from './lake.js'
import {
  ACTIONS,
  CONFLICTS,
  DOCUMENTS,
  EVENTS,
  FINDINGS,
  type Layout,
  LOADS,
  PRIVACY,
  REJECTS,
  rowsIn,
} from './layout.js'
import { loadBatch } from './load.js'
import { MARK, MARK_FILE, mark } from './mark.js'
import { MISPLACED } from './places.js'
import { askLake, eventsOfDays } from './query.js'
import { snapshots } from './snapshot.js'
import { currentOf, versionsOf } from './versions.js'

const DAY_MS = 86_400_000

/**
 * @param address `parquet:FOLDER`, `parquet+s3://bucket[/prefix]`, `parquet+gs://…` or `parquet+az://…`
 * @param signal  ends what `prepare`, `receipts` and `query` wait for
 * @throws AuditError, exit code 2, when it is none of these
 */
export async function parquetSink(address: string, signal: AbortSignal): Promise<Sink> {
  return lakeSink(await openLake(address), signal)
}

export function lakeSink(lake: Lake, signal: AbortSignal): Sink {
  const { id, store, prefix, folder } = lake
  const files = snapshots(lake)

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw duckdbError(id, error)
    }
  }

  /** The events of the spans' days, for which no other file is fetched. */
  const eventsIn = (spans: readonly Span[]): Promise<string> =>
    guarded(async () => {
      const overlaps = (day: string): boolean => {
        const start = Date.parse(day)
        return spans.some(({ from, to }) => start < to.getTime() && start + DAY_MS > from.getTime())
      }
      return eventsOfDays((await files.partsOf(EVENTS, signal)).filter(overlaps))
    })

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

  return {
    id,

    prepare: () =>
      guarded(async () => {
        const folder = await files.folder()
        await mark(lake, folder, signal)
        await requireConditionalWrites(id, store, prefix + MARK_FILE, Buffer.from(MARK), signal)
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

    receipts: (source) =>
      guarded(async () => {
        const there = await files.filesOf(DOCUMENTS, signal)
        if (there.length === 0) return new Map()
        return withConnection((connection) => newestReceipts(connection, `(${rowsIn(DOCUMENTS.table, there)})`, source))
      }),

    erase: (erasure) =>
      guarded(() => withConnection((connection) => eraseInLake(lake, files, connection, erasure, signal))),

    load: (batch, stop) => loadBatch(lake, batch, stop),

    async query(sql, parameters = new Map()) {
      if (currentOf(await versionsOf(lake, ACTIONS.stem('actions'), signal)) === null) {
        throw new AuditError(`${id}: there is no lake yet`, {
          advice: 'Load something first, or name another with --to.',
        })
      }
      return askLake(id, files, { sql, parameters }, signal)
    },

    questions: {
      ...questions(DUCKDB_SQL),
      status: (days) =>
        guarded(async () => {
          const newest = (await files.partsOf(EVENTS, signal)).toReversed().slice(0, days)
          return statusOn(DUCKDB_SQL, eventsOfDays(newest), days)
        }),
      detection: async (detection, span, parameters) => {
        const from = new Date(span.from.getTime() - detection.historyDays(parameters) * DAY_MS)
        const events = await eventsIn([{ from, to: span.to }])
        const table = (name: string): string => (name === 'audit_events' ? events : DUCKDB_SQL.table(name))
        return detection.sql({ ...DUCKDB_SQL, table }, span, parameters)
      },
      report: async (range) => reportQuestions(DUCKDB_SQL, range, await eventsIn([reportSpan(range)])),
      newest: async (span) => newestEvent(DUCKDB_SQL, await eventsIn([span]), span),
      hourDigests: async (span, salt) => hourDigests(DUCKDB_SQL, await eventsIn([span]), span, salt),
      identities: async (spans) => identities(DUCKDB_SQL, await eventsIn(spans), spans),
      proof: { ...questions(DUCKDB_SQL).proof, misplaced: MISPLACED },
    },

    checks: () => (folder === undefined ? [] : [privateCheck(folder)]),

    probes: (name) => [{ name: 'probe: writing', run: (stop) => probeWrites(store, `${prefix}${name}-`, stop) }],

    async close() {
      await files.remove()
      await store.close()
    },
  }
}
