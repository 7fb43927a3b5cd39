/** The time of a batch's events, as constants: these let Redshift skip the blocks of all other days. */

import type { Batch, TimestampBounds } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { eventDays, spansOf } from '../shared/spans.js'
import { instant } from './namespace.js'

/** In rising order; none where there are no events. */
export type Ranges = readonly TimestampBounds[]

/** Each is written out in every statement that reads audit_events. */
const MOST_RANGES = 8

/** @throws AuditError when the engine fails */
export async function rangesOf(who: string, batch: Batch): Promise<Ranges> {
  try {
    return spansOf(await eventDays(batch), MOST_RANGES)
  } catch (error) {
    throw duckdbError(who, error)
  }
}

/** Condition on `timestamp` of a row; that it lies between the two ends is said alone, too, for planners that make nothing of OR. */
export function within(ranges: Ranges, row = ''): string {
  const between = ({ least, greatest }: TimestampBounds): string =>
    `${row}"timestamp" BETWEEN ${instant(least)} AND ${instant(greatest)}`
  const [first, last] = [ranges[0], ranges.at(-1)]
  if (first === undefined || last === undefined) return 'FALSE'
  if (ranges.length === 1) return between(first)
  return `${between({ least: first.least, greatest: last.greatest })} AND (${ranges.map(between).join(' OR ')})`
}
