/** The UTC days of a batch, which are merged one by one. */

import type { DuckDBConnection } from '@duckdb/node-api'
import type { Batch, TimestampBounds } from '../../src/contract.js'
import { readingsAsEvents } from './duckdb-merge.js'
import { within } from './event-merge.js'
import { createFound, dropFound } from './found-conflicts.js'
import { dayIn } from './spans.js'

/** SQL expression: the UTC day of an event, as text. */
export const EVENT_DAY = `CAST(CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS VARCHAR)`

/** Beyond this many days, sorting the batch once is cheaper than scanning it once per day. */
const MOST_SCANS = 64

const SORTED_EVENTS = 'lake_events'
const SORTED_READINGS = 'lake_readings'

/** Drops the tables that `daysOf` made. */
export async function dropDays(engine: DuckDBConnection): Promise<void> {
  for (const name of [SORTED_EVENTS, SORTED_READINGS]) await engine.run(`DROP TABLE IF EXISTS ${name}`)
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
  const days = await engine.runAndReadAll(
    `SELECT ${EVENT_DAY}, epoch_us("timestamp"), epoch_us(greatest), events, fills, occurrences
     FROM (
       SELECT min("timestamp") AS "timestamp", max("timestamp") AS greatest, count(*) AS events, sum(fills) AS fills,
         sum(occurrences) AS occurrences
       FROM ${relation} GROUP BY ${dayIn('epoch_us("timestamp")')}
     ) ORDER BY "timestamp"`,
  )
  await createFound(engine)
  const scanned = async (from: string, sortedName: string): Promise<string> => {
    if (days.currentRowCount <= MOST_SCANS) return from
    await engine.run(`CREATE OR REPLACE TABLE ${sortedName} AS FROM ${from} ORDER BY "timestamp"`)
    return sortedName
  }
  const events = await scanned(relation, SORTED_EVENTS)
  const readings = batch.readings.rows === 0 ? null : await scanned(readingsAsEvents(batch), SORTED_READINGS)
  return days.getRows().map(([name, least, greatest, ...counts]) => {
    const bounds = { least: least as bigint, greatest: greatest as bigint }
    const ofDay = (from: string): string => `FROM ${from} WHERE ${within(bounds)}`
    const [count = 0, fills = 0, occurrences = 0] = counts.map(Number)
    const selected = { events: ofDay(events), readings: readings === null ? null : ofDay(readings) }
    return { name: String(name), bounds, events: count, fills, occurrences, selected }
  })
}
