/** UTC days: which of them are finished, and from which day a load has to read again. */

import type { DayRange } from '../../contract.js'

export const DAY_MS = 86_400_000

/** W&B syncs every ten minutes. Two hours after its end, a day or an hour has settled: only exceptionally late events are missing. */
export const SETTLE_MS = 2 * 3_600_000

/** The version of a document whose days had all settled, and left the overlap, when it was listed. */
export const FINAL = 'final'

/** Days since 1970 UTC. */
export type Day = number

/** What the clock says of a day: it may still get events; it may still get exceptionally late ones; it gets none any more. */
export type Phase = 'open' | 'settled' | 'final'

export const dayOf = (instant: Date): Day => Math.floor(instant.getTime() / DAY_MS)
export const startOf = (day: Day): Date => new Date(day * DAY_MS)
/** `2026-10-01` */
export const dayText = (day: Day): string => startOf(day).toISOString().slice(0, 10)

export function phaseOf(day: Day, asOf: Date, overlapMs: number): Phase {
  const ageMs = asOf.getTime() - (day + 1) * DAY_MS
  if (ageMs < SETTLE_MS) return 'open'
  return ageMs < overlapMs ? 'settled' : 'final'
}

/** The id of a day: the endpoint and the day, without secrets. */
export const dayId = (endpoint: string, day: Day, anonymize: boolean): string =>
  `${endpoint}?day=${dayText(day)}${anonymize ? '&anonymize=true' : ''}`

/** The id of several days in one answer of a classic server; `to` is exclusive. */
export const spanId = (endpoint: string, from: Day, to: Day, anonymize: boolean): string =>
  `${endpoint}?from=${dayText(from)}&to=${dayText(to)}${anonymize ? '&anonymize=true' : ''}`

/**
 * The range that `load` has to list: from the first unfinished day since the oldest day ever loaded, but all days that are
 * within the overlap, and without an end. On the first run: today.
 *
 * A day that failed while later ones were loaded is thus loaded again, and a gap between two backfills is filled. Days in
 * the range of which nothing is due cost nothing: docs/decisions/late-events.md.
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
  const { finished, oldest } = daysIn(receipts, today)
  let from = oldest
  while (from < today && finished.has(from)) from++
  // A backfill may have marked days as final that are still within the overlap of a load.
  return Math.max(oldest, Math.min(from, dayOf(new Date(now.getTime() - overlapMs))))
}

/** How long after the overlap a day may stay unfinished: enough for loads that were down over a weekend to catch up. */
const LATE_MS = 2 * DAY_MS

export interface DayStates {
  readonly finished: ReadonlySet<Day>
  /** Days of which something was read, but not yet all there may be. */
  readonly begun: ReadonlySet<Day>
  /** Days since the oldest ever loaded that should be finished by now but are not. */
  readonly unfinished: readonly Day[]
}

/** @param receipts document → version in a sink, for this source */
export function dayStates(now: Date, receipts: ReadonlyMap<string, string>, overlapMs: number): DayStates {
  const { finished, begun, oldest } = daysIn(receipts, dayOf(now))
  const unfinished: Day[] = []
  for (let day = oldest; phaseOf(day, now, overlapMs + LATE_MS) === 'final'; day++)
    if (!finished.has(day)) unfinished.push(day)
  return { finished, begun, unfinished }
}

interface DaysRead {
  readonly finished: Set<Day>
  readonly begun: Set<Day>
  readonly oldest: Day
}

function daysIn(receipts: ReadonlyMap<string, string>, today: Day): DaysRead {
  const finished = new Set<Day>()
  const begun = new Set<Day>()
  let oldest = today
  for (const [document, version] of receipts) {
    for (const day of daysOf(document)) {
      oldest = Math.min(oldest, day)
      if (version === FINAL) finished.add(day)
      else begun.add(day)
    }
  }
  return { finished, begun, oldest }
}

/** The days in a document's id. Without an end, as earlier versions wrote it, the first day is the one that matters. */
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
