/** The time of a batch's events, as constants: these let Redshift skip the blocks of all other days. */

import type { Batch, TimestampBounds } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { instant } from './namespace.js'

/** In rising order; none where there are no events. */
export type Ranges = readonly TimestampBounds[]

/** What is closer together is one range: reading some days for nothing costs little. */
const FAR_MICROSECONDS = 31n * 86_400_000_000n
/** Each is written out in every statement that reads audit_events. */
const MOST_RANGES = 8

/** Days far from the rest as ranges of their own: one event with a wrong clock must not make a load read all years between. */
export async function rangesOf(who: string, { engine, events }: Batch): Promise<Ranges> {
  const { bounds, relation } = events
  if (bounds === null) return []
  if (bounds.greatest - bounds.least < FAR_MICROSECONDS) return [bounds]
  try {
    const days = await engine.runAndReadAll(`
      SELECT min(epoch_us("timestamp")), max(epoch_us("timestamp")) FROM ${relation}
      GROUP BY epoch_us("timestamp") // 86400000000 ORDER BY 1`)
    return splitWide(
      days.getRows().map(([least, greatest]) => ({ least: BigInt(`${least}`), greatest: BigInt(`${greatest}`) })),
    )
  } catch (error) {
    throw duckdbError(who, error)
  }
}

/** Splits rising days where the widest gaps are. */
function splitWide(days: Ranges): Ranges {
  const gapBefore = (i: number): bigint => (days[i]?.least ?? 0n) - (days[i - 1]?.greatest ?? 0n)
  const splits = days
    .map((_, i) => i)
    .filter((i) => i > 0 && gapBefore(i) >= FAR_MICROSECONDS)
    .sort((a, b) => (gapBefore(a) < gapBefore(b) ? 1 : -1))
    .slice(0, MOST_RANGES - 1)
  return [0, ...splits.sort((a, b) => a - b)].map((first, i, all) => ({
    least: days[first]?.least ?? 0n,
    greatest: days[(all[i + 1] ?? days.length) - 1]?.greatest ?? 0n,
  }))
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
