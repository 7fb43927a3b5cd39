/** The days of a batch as constants, which is the only way to make BigQuery prune the other partitions. */

import type { Batch } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { AuditError } from '../../src/errors.js'

/** Whole UTC days since 1970, both inclusive. */
export interface DaySpan {
  readonly first: number
  readonly last: number
}

/** A shorter range becomes one span, without looking at its days. */
const SHORT_DAYS = 31
/** The most spans in a statement, which repeats them several times. */
export const MOST_SPANS = 50
/** One job may modify no more partitions. https://cloud.google.com/bigquery/quotas#partitioned_tables */
const MOST_DAYS = 4000

const DAY_MICROSECONDS = 86_400_000_000n

/**
 * The days of the batch's events, in ascending order. A span includes days without events only if there would be too many spans
 * otherwise: one event with a wrong clock must not make the statement read all the years between.
 *
 * @throws AuditError when there are more days than one job may modify
 */
export async function daySpans(who: string, { engine, events }: Batch): Promise<DaySpan[]> {
  if (events.bounds === null) return []
  const first = dayOf(events.bounds.least)
  const last = dayOf(events.bounds.greatest)
  if (last - first < SHORT_DAYS) return [{ first, last }]
  const days = await distinctDays(who, engine, events.relation)
  if (days.length > MOST_DAYS) {
    throw new AuditError(`${who}: a batch has events of ${days.length} days, and one job may change ${MOST_DAYS}`, {
      advice: 'Load the documents some at a time.',
    })
  }
  return merged(days, MOST_SPANS)
}

/** Splits ascending days at the widest gaps, into at most `most` spans. */
export function merged(days: readonly number[], most: number): DaySpan[] {
  const gaps = days.slice(1).map((day, i) => ({ ends: i, width: day - (days[i] ?? day) }))
  const widest = gaps.filter(({ width }) => width > 1).sort((a, b) => b.width - a.width)
  const ends = widest.slice(0, most - 1).map((gap) => gap.ends)
  const splits = [-1, ...ends.sort((a, b) => a - b), days.length - 1]
  return splits.slice(1).map((end, i) => ({ first: days[(splits[i] ?? -1) + 1] ?? 0, last: days[end] ?? 0 }))
}

/** SQL condition: the instant is on a day of the spans. */
export const within = (column: string, spans: readonly DaySpan[]): string =>
  spans
    .map(({ first, last }) => `${column} BETWEEN ${instant(first, '00:00:00')} AND ${instant(last, '23:59:59.999999')}`)
    .join(' OR ')

/**
 * SQL condition: the instant is outside the range of daily partitions. Such rows share one partition.
 * https://cloud.google.com/bigquery/docs/partitioned-tables#date_timestamp_partitioned_tables
 */
export const unpartitioned = (column: string): string =>
  `${column} < TIMESTAMP '1960-01-01 00:00:00+00' OR ${column} >= TIMESTAMP '2160-01-01 00:00:00+00'`

const instant = (day: number, time: string): string =>
  `TIMESTAMP '${new Date(day * 86_400_000).toISOString().slice(0, 10)} ${time}+00'`

const dayOf = (microseconds: bigint): number =>
  Number(
    (microseconds - (((microseconds % DAY_MICROSECONDS) + DAY_MICROSECONDS) % DAY_MICROSECONDS)) / DAY_MICROSECONDS,
  )

async function distinctDays(who: string, engine: Batch['engine'], events: string): Promise<number[]> {
  try {
    const result = await engine.runAndReadAll(`
      SELECT DISTINCT epoch_us("timestamp") // ${DAY_MICROSECONDS} - (epoch_us("timestamp") % ${DAY_MICROSECONDS} < 0)::INT AS day
      FROM ${events} ORDER BY day`)
    return result.getRows().map(([day]) => Number(day))
  } catch (error) {
    throw duckdbError(who, error)
  }
}
