/** The days of a batch as constants, which is the only way to make BigQuery prune the other partitions. */

import type { Batch, TimestampBounds } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { AuditError } from '../../src/errors.js'
import { dayOf, eventDays, spansOf } from '../shared/spans.js'

/** The most spans in a statement, which repeats them several times. */
export const MOST_SPANS = 50
/** One job may modify no more partitions. https://cloud.google.com/bigquery/quotas#partitioned_tables */
const MOST_DAYS = 4000

/** @throws AuditError when there are more days than one job may modify */
export async function daySpans(who: string, batch: Batch): Promise<TimestampBounds[]> {
  const days = await eventDays(batch).catch((error: unknown) => {
    throw duckdbError(who, error)
  })
  if (days.length > MOST_DAYS) {
    throw new AuditError(`${who}: a batch has events of ${days.length} days, and one job may change ${MOST_DAYS}`, {
      advice: 'Load the documents some at a time.',
    })
  }
  return spansOf(days, MOST_SPANS)
}

/** SQL condition: the instant is on a day of the spans. */
export const within = (column: string, spans: readonly TimestampBounds[]): string =>
  spans
    .map(
      ({ least, greatest }) =>
        `${column} BETWEEN ${instant(least, '00:00:00')} AND ${instant(greatest, '23:59:59.999999')}`,
    )
    .join(' OR ')

/**
 * SQL condition: the instant is outside the range of daily partitions. Such rows share one partition.
 * https://cloud.google.com/bigquery/docs/partitioned-tables#date_timestamp_partitioned_tables
 */
export const unpartitioned = (column: string): string =>
  `${column} < TIMESTAMP '1960-01-01 00:00:00+00' OR ${column} >= TIMESTAMP '2160-01-01 00:00:00+00'`

/** The day of an instant, at a time. */
const instant = (microseconds: bigint, time: string): string =>
  `TIMESTAMP '${new Date(Number(dayOf(microseconds)) * 86_400_000).toISOString().slice(0, 10)} ${time}+00'`
