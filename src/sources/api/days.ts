/** UTC days: which of them are finished, and from which day a load has to read again. */

import type { DayRange } from '../../contract.js'

export const DAY_MS = 86_400_000

/** W&B syncs every ten minutes. Two hours after its end, a day has settled: it is complete but for exceptionally late events. */
export const SETTLE_MS = 2 * 3_600_000

/** The version of a document whose days had all settled when it was listed, but may still get late events. */
export const SETTLED = 'settled'

/** The version of a document whose days had all settled, and left the overlap, when it was listed. */
export const FINAL = 'final'

/** Days since 1970 UTC. */
export type Day = number

export const dayOf = (instant: Date): Day => Math.floor(instant.getTime() / DAY_MS)
export const startOf = (day: Day): Date => new Date(day * DAY_MS)
/** `2026-10-01` */
export const dayText = (day: Day): string => startOf(day).toISOString().slice(0, 10)

/** The version of a day's document: null while the day changes, then `settled`, then `final`. Each of these two is read once. */
export function versionOf(day: Day, asOf: Date, overlapMs: number): string | null {
  const ageMs = asOf.getTime() - (day + 1) * DAY_MS
  if (ageMs < SETTLE_MS) return null
  return ageMs < overlapMs ? SETTLED : FINAL
}

/** The id of a day's window: the endpoint and the day, without secrets. */
export const windowId = (endpoint: string, day: Day, anonymize: boolean): string =>
  `${endpoint}?day=${dayText(day)}${anonymize ? '&anonymize=true' : ''}`

/** The id of a classic server's answer, from a day until now; `to` (exclusive) when all days before it had settled. */
export const spanId = (endpoint: string, from: Day, to: Day | null, anonymize: boolean): string =>
  `${endpoint}?from=${dayText(from)}${to === null ? '' : `&to=${dayText(to)}`}${anonymize ? '&anonymize=true' : ''}`

/**
 * The range that `load` has to list: from the first unfinished day since the oldest day ever loaded, but all days that are
 * within the overlap, and without an end. On the first run: today.
 *
 * A day that failed while later ones were loaded is thus loaded again, and a gap between two backfills is filled.
 * Days in the range that were read in their present state cost nothing, because the pipeline skips them. A day is read in
 * every run until it has settled, then once, and one last time when it has left the overlap: docs/decisions/late-events.md.
 *
 * @param sinks     document → version in each sink, for this source
 * @param overlapMs how late an event may become known and still be found
 */
export function loadRange(now: Date, sinks: readonly ReadonlyMap<string, string>[], overlapMs: number): DayRange {
  const first = Math.min(...sinks.map((receipts) => firstDay(now, receipts, overlapMs)))
  return { from: startOf(first), to: null }
}

function firstDay(now: Date, receipts: ReadonlyMap<string, string>, overlapMs: number): Day {
  const today = dayOf(now)
  const finished = new Set<Day>()
  let oldest = today
  for (const [document, version] of receipts) {
    for (const day of daysOf(document)) {
      oldest = Math.min(oldest, day)
      if (version === FINAL) finished.add(day)
    }
  }
  let from = oldest
  while (from < today && finished.has(from)) from++
  // A backfill calls days final that are within the overlap of a load.
  return Math.max(oldest, Math.min(from, dayOf(new Date(now.getTime() - overlapMs))))
}

/** The days in a document's id. For an answer until now it is the first day, which is the one that matters. */
function* daysOf(document: string): Generator<Day> {
  const query = new URL(document).searchParams
  const from = dayIn(query, 'day') ?? dayIn(query, 'from')
  if (from === null) return
  const to = dayIn(query, 'to') ?? from + 1
  for (let day = from; day < to; day++) yield day
}

function dayIn(query: URLSearchParams, key: string): Day | null {
  const at = Date.parse(query.get(key) ?? '')
  return Number.isNaN(at) ? null : Math.floor(at / DAY_MS)
}
