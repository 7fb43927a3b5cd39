/** The time of a batch's events, as constants that let Redshift skip the blocks of all other days. */

import type { Batch, TimestampBounds } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { eventDays, spansOf } from '../shared/spans.js'
import { instant } from './namespace.js'

/** In ascending order; empty if there are no events. */
export type Ranges = readonly TimestampBounds[]

/** Every statement that reads audit_events repeats each range. */
const MOST_RANGES = 8

/** @throws AuditError when the engine fails */
export async function rangesOf(who: string, batch: Batch): Promise<Ranges> {
  try {
    return spansOf(await eventDays(batch), MOST_RANGES)
  } catch (error) {
    throw duckdbError(who, error)
  }
}

/** Condition on the `timestamp` of a row. The outer bounds are repeated on their own, for planners that do not use OR. */
export function within(ranges: Ranges, row = ''): string {
  const between = ({ least, greatest }: TimestampBounds): string =>
    `${row}"timestamp" BETWEEN ${instant(least)} AND ${instant(greatest)}`
  const [first, last] = [ranges[0], ranges.at(-1)]
  if (first === undefined || last === undefined) return 'FALSE'
  if (ranges.length === 1) return between(first)
  return `${between({ least: first.least, greatest: last.greatest })} AND (${ranges.map(between).join(' OR ')})`
}
