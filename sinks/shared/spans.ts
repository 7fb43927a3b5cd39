/**
 * The time of a batch's events as a few constant ranges, which let a warehouse skip everything else. Days far from the rest get
 * their own range: one event with a wrong clock must not make a load read all the years between.
 */

import type { Batch, TimestampBounds } from '../../src/contract.js'

const DAY = 86_400_000_000n

/** The UTC day of an instant. Both are counted from 1970, in days and in microseconds. */
export function dayOf(microseconds: bigint): bigint {
  const day = microseconds / DAY
  return microseconds % DAY < 0n ? day - 1n : day
}

/** `dayOf` in DuckDB's SQL, whose division rounds towards zero. */
export const dayIn = (microseconds: string): string =>
  `${microseconds} // ${DAY} - CAST(${microseconds} % ${DAY} < 0 AS BIGINT)`

/** The first and the last instant of a UTC day. */
export const wholeDay = (day: bigint): TimestampBounds => ({ least: day * DAY, greatest: (day + 1n) * DAY - 1n })

/** The earliest and the latest event of each UTC day on which the batch has events, in ascending order. Rejects if the engine fails. */
export async function eventDays({ engine, events }: Batch): Promise<TimestampBounds[]> {
  const { bounds, relation } = events
  if (bounds === null) return []
  if (dayOf(bounds.least) === dayOf(bounds.greatest)) return [bounds]
  const days = await engine.runAndReadAll(`
    SELECT min(us), max(us) FROM (SELECT epoch_us("timestamp") AS us FROM ${relation})
    GROUP BY ${dayIn('us')} ORDER BY 1`)
  return days.getRows().map(([least, greatest]) => ({ least: BigInt(`${least}`), greatest: BigInt(`${greatest}`) }))
}

/** Joins ascending days into at most `most` spans. A span includes days without events only if there would be too many spans otherwise. */
export function spansOf(days: readonly TimestampBounds[], most: number): TimestampBounds[] {
  const gaps = days
    .slice(1)
    .map(({ least }, i) => ({ ends: i, width: dayOf(least) - dayOf(days[i]?.greatest ?? least) }))
  const widest = gaps.filter(({ width }) => width > 1n).sort((a, b) => Number(b.width - a.width))
  const ends = widest.slice(0, most - 1).map((gap) => gap.ends)
  const spans = []
  let first = days[0]
  for (const end of [...ends.sort((a, b) => a - b), days.length - 1]) {
    const last = days[end]
    if (first !== undefined && last !== undefined) spans.push({ least: first.least, greatest: last.greatest })
    first = days[end + 1]
  }
  return spans
}
