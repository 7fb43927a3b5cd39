/** The changes a batch makes to the files of the lake. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { AUDIT_EVENTS, type Table } from '../../schemas/tables.js'
import type { Batch, TimestampBounds } from '../../src/contract.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { AuditError } from '../../src/errors.js'
import type { EventCounts } from '../shared/counts.js'
import { KEY, newConflicts, readingsAsEvents } from '../shared/duckdb-merge.js'
import { actionRows, refuseUnknownColumns } from '../shared/duckdb-tables.js'
import { dayIn } from '../shared/spans.js'
import { createFound, dropFound, findConflicts } from './conflicts.js'
import type { Change } from './file.js'
import {
  ACTIONS,
  asPattern,
  CONFLICTS,
  DOCUMENTS,
  EVENTS,
  FINDINGS,
  filed,
  fileOf,
  type Layout,
  LOADS,
  PRIVACY,
  REJECT_PIECES,
  REJECTS,
  rowsIn,
} from './layout.js'
import { countEvents, eventsIn, mergeEvents, mergeRows, within } from './merge.js'

/** Beyond this many days, sorting the batch once is cheaper than scanning it once per day. */
const MOST_SCANS = 64

const SORTED_EVENTS = 'lake_events'
const SORTED_READINGS = 'lake_readings'
const kept = ({ table }: Layout): string => `lake_${table.name}`

/** Drops the tables that the changes of a batch read from. */
export async function dropKept(engine: DuckDBConnection): Promise<void> {
  const layouts = [CONFLICTS, REJECT_PIECES, REJECTS, DOCUMENTS, LOADS]
  for (const name of [SORTED_EVENTS, SORTED_READINGS, ...layouts.map(kept)])
    await engine.run(`DROP TABLE IF EXISTS ${name}`)
  await dropFound(engine)
}

export interface Day {
  readonly name: string
  readonly bounds: TimestampBounds
  readonly events: number
  readonly fills: number
  readonly occurrences: number
  /** SELECTs the day's events in the batch, and the readings that contradict them; null when there are none. */
  readonly selected: { readonly events: string; readonly readings: string | null }
}

/** The UTC days with events in the batch. */
export async function daysOf(batch: Batch): Promise<Day[]> {
  const { engine } = batch
  const { relation } = batch.events
  const days = await rows(
    engine,
    `SELECT ${EVENTS.part}, epoch_us("timestamp"), epoch_us(greatest), events, fills, occurrences
     FROM (
       SELECT min("timestamp") AS "timestamp", max("timestamp") AS greatest, count(*) AS events, sum(fills) AS fills,
         sum(occurrences) AS occurrences
       FROM ${relation} GROUP BY ${dayIn('epoch_us("timestamp")')}
     ) ORDER BY "timestamp"`,
  )
  await createFound(engine)
  const scanned = async (from: string, sortedName: string): Promise<string> => {
    if (days.length <= MOST_SCANS) return from
    await engine.run(`CREATE OR REPLACE TABLE ${sortedName} AS FROM ${from} ORDER BY "timestamp"`)
    return sortedName
  }
  const events = await scanned(relation, SORTED_EVENTS)
  const readings = batch.readings.rows === 0 ? null : await scanned(readingsAsEvents(batch), SORTED_READINGS)
  return days.map(([name, least, greatest, ...counts]) => {
    const bounds = { least: least as bigint, greatest: greatest as bigint }
    const ofDay = (from: string): string => `FROM ${from} WHERE ${within(bounds)}`
    const [count = 0, fills = 0, occurrences = 0] = counts.map(Number)
    const selected = { events: ofDay(events), readings: readings === null ? null : ofDay(readings) }
    return { name: String(name), bounds, events: count, fills, occurrences, selected }
  })
}

/** Merging a day also finds its conflicts. */
export const changedDay = (who: string, batch: Batch, day: Day): Change<EventCounts> => ({
  ...fileOf(EVENTS, day.name),
  merge: (existing, target) => mergeDay(who, batch, day, existing, target),
})

async function mergeDay(
  who: string,
  batch: Batch,
  { name, bounds, events, fills, occurrences, selected }: Day,
  existing: string | null,
  target: string,
): Promise<{ changed: boolean; outcome: EventCounts }> {
  const { engine, loadId } = batch
  await refuseUnknown(who, engine, AUDIT_EVENTS, existing)
  const counted = existing === null ? [] : await rows(engine, countEvents(existing, selected.events, bounds, loadId))
  const [missing = events, inserted = events, filled = 0, filledNew = fills, contradicted = 0] =
    counted[0]?.map(Number) ?? []
  const changed = missing + filled > 0
  if (changed) {
    const before =
      existing === null ? 0 : await number(engine, `SELECT count(*) FROM (${rowsIn(AUDIT_EVENTS, [existing])})`)
    const written = await writeParquet(who, engine, mergeEvents(existing, selected.events, bounds), target)
    if (written !== before + missing) throw wrong(written, before + missing)
  }
  const pairs = (e: string, file: string): string => `(${e}) e JOIN ${eventsIn(file, bounds)} t ON ${KEY}`
  const merged = changed ? target : (existing ?? target)
  const conflicts = await findConflicts(batch, name, [
    existing === null || contradicted === 0 ? null : pairs(selected.events, existing),
    selected.readings === null ? null : pairs(selected.readings, merged),
  ])
  const enriched = filled + filledNew
  return { changed, outcome: { inserted, enriched, unchanged: occurrences - inserted - enriched, conflicts } }
}

const wrong = (rows: number, expected: number): AuditError =>
  new AuditError(`a day would end up with ${rows} events instead of ${expected}; none of them is loaded`, {
    advice: 'Either wandb-audit or DuckDB has a bug, or someone else changed the lake: please report it.',
  })

/** SELECTs which of the batch's rows (`added`) to write, given the `known` rows. */
type Written = (added: string, known: string, key: string) => string

/** Existing rows stay. */
export const MISSING: Written = (added, known, key) => `FROM (${added}) ANTI JOIN (${known}) USING (${key})`

/** The batch's row replaces the existing one. */
export const ALL: Written = (added) => added

/** A conflict keeps the larger number of events. */
export const MORE_EVENTS: Written = newConflicts

/** One change per file of the table that the relation has rows for. */
export async function changedRows(
  who: string,
  engine: DuckDBConnection,
  layout: Layout,
  relation: string,
  written: Written,
): Promise<Change<void>[]> {
  const { table, part } = layout
  await engine.run(
    `CREATE OR REPLACE TEMP TABLE ${kept(layout)} AS SELECT ${filed(table)}, ${part} AS part FROM ${relation}`,
  )
  const parts = await rows(engine, `SELECT DISTINCT part FROM ${kept(layout)} ORDER BY part`)
  return parts.map(([value]) => {
    const added = `SELECT * EXCLUDE (part) FROM ${kept(layout)} WHERE part = ${quotedString(String(value))}`
    return {
      ...fileOf(layout, String(value)),
      async merge(existing, target) {
        await refuseUnknown(who, engine, table, existing)
        const known = rowsIn(table, existing === null ? [] : [existing])
        const over = written(added, known, table.key.join(', '))
        const changed = (await number(engine, `SELECT count(*) FROM (${over})`)) > 0
        if (changed) await writeParquet(who, engine, mergeRows(table, over, known), target)
        return { changed, outcome: undefined }
      },
    }
  })
}

const FIRST: readonly (readonly [Layout, string])[] = [
  ...[REJECTS, REJECT_PIECES, CONFLICTS].map((layout) => [layout, '0'] as const),
  [PRIVACY, 'privacy'],
  [FINDINGS, 'findings'],
]

/** Files written before the first load, so that readers find every table's columns. */
export function firstFiles(who: string, connection: DuckDBConnection): Change<void>[] {
  const actions = `SELECT ${filed(ACTIONS.table)} FROM ${actionRows()}`
  const write = async (select: string, target: string) => {
    await writeParquet(who, connection, select, target)
    return { changed: true, outcome: undefined }
  }
  const unchangedFile = { changed: false, outcome: undefined }
  return [
    {
      ...fileOf(ACTIONS, 'actions'),
      async merge(existing, target) {
        await refuseUnknown(who, connection, ACTIONS.table, existing)
        const known = `(${rowsIn(ACTIONS.table, existing === null ? [] : [existing])})`
        const differing = `(FROM ${known} EXCEPT FROM (${actions})) UNION ALL (FROM (${actions}) EXCEPT FROM ${known})`
        return (await number(connection, `SELECT count(*) FROM (${differing})`)) === 0
          ? unchangedFile
          : write(actions, target)
      },
    },
    ...FIRST.map(([layout, part]) => ({
      ...fileOf(layout, part),
      merge: async (existing: string | null, target: string) =>
        existing === null ? write(rowsIn(layout.table, []), target) : unchangedFile,
    })),
  ]
}

/** @throws AuditError when the file has a column that would vanish from it */
export const refuseUnknown = (
  who: string,
  engine: DuckDBConnection,
  table: Table,
  existing: string | null,
): Promise<void> => refuseUnknownColumns(who, engine, table, existing === null ? [] : [asPattern(existing)])

const rows = async (engine: DuckDBConnection, sql: string) => (await engine.runAndReadAll(sql)).getRows()
const number = async (engine: DuckDBConnection, sql: string) => Number((await rows(engine, sql))[0]?.[0])
