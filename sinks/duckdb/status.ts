/** `status` without scanning all events: the newest days are found by their times, and only these are read. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import type { Question, TimestampBounds } from '../../src/contract.js'
import { DUCKDB_SQL } from '../shared/duckdb-forms.js'
import { missingEvents, statusOn } from '../shared/questions.js'
import { dayIn, dayOf, spansOf, wholeDay } from '../shared/spans.js'

/** A statement has a scan for each. */
const MOST_SPANS = 16

/** A session's time zone has no part in this, which takes a seventh of the time. */
const FORMS = { ...DUCKDB_SQL, utcDay: (instant: string) => `CAST(make_timestamp(epoch_us(${instant})) AS DATE)` }

const at = (microseconds: bigint): string => `make_timestamptz(${microseconds})`

/**
 * The newest UTC days with events, in ascending order. Each step looks at as many days as are still missing, back from the newest
 * event, so that one with a wrong clock costs one more step.
 *
 * @param events the quoted name of audit_events
 */
export async function newestDays(
  connection: DuckDBConnection,
  events: string,
  days: number,
): Promise<TimestampBounds[]> {
  const found: bigint[] = []
  let before = ''
  while (found.length < days) {
    const instants = `SELECT epoch_us("timestamp") AS us FROM ${events} WHERE true ${before}`
    const newest = await connection.runAndReadAll(`${instants} ORDER BY "timestamp" DESC LIMIT 1`)
    const [last] = newest.getRows()[0] ?? []
    if (last === undefined) break
    const { least } = wholeDay(dayOf(BigInt(`${last}`)) - BigInt(days - found.length - 1))
    const ofDays = await connection.runAndReadAll(
      `SELECT DISTINCT ${dayIn('us')} AS day FROM (${instants} AND "timestamp" >= ${at(least)}) ORDER BY day DESC`,
    )
    found.push(...ofDays.getRows().map(([day]) => BigInt(`${day}`)))
    before = `AND "timestamp" < ${at(least)}`
  }
  return found.reverse().map(wholeDay)
}

/** @param days of `newestDays` */
export function statusQuestions(days: readonly TimestampBounds[], shown: number): Question[] {
  const events = DUCKDB_SQL.table(AUDIT_EVENTS.name)
  const within = spansOf(days, MOST_SPANS).map(
    ({ least, greatest }) => `SELECT * FROM ${events} WHERE "timestamp" BETWEEN ${at(least)} AND ${at(greatest)}`,
  )
  const none = `SELECT * FROM ${events} WHERE false`
  return [...statusOn(FORMS, `(${[none, ...within].join(' UNION ALL ')})`, shown), missingEvents(FORMS)]
}
