/** Which days are checked. The help needs them, so this knows no detection. */

import type { Span } from '../../schemas/day-digest.js'

/** Days checked by default, before today: enough to catch what was loaded late. */
export const CHECKED_DAYS = 2

const DAY_MS = 86_400_000

/** The last two UTC days and today. */
export const lastDays = (now: Date): Span => ({
  from: new Date((Math.floor(now.getTime() / DAY_MS) - CHECKED_DAYS) * DAY_MS),
  to: now,
})

/** One event with a wrong clock must not make each load read everything. */
const MOST_DAYS = 400

/**
 * What is checked after a load: the last days, and whatever lies between them and the oldest event that was inserted.
 *
 * @param least in milliseconds since 1970 UTC; null when nothing was inserted
 */
export function daysOfLoad(least: number | null, now: Date): { readonly span: Span; readonly isCut: boolean } {
  const { from, to } = lastDays(now)
  const first = Math.floor((least ?? from.getTime()) / DAY_MS) * DAY_MS
  const most = from.getTime() - (MOST_DAYS - CHECKED_DAYS) * DAY_MS
  return { span: { from: new Date(Math.min(from.getTime(), Math.max(first, most))), to }, isCut: first < most }
}
