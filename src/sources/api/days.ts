/** UTC days, which of them are finished, and from where a load has to read again. */

import type { DayRange } from '../../contract.js'

export const DAY_MS = 86_400_000

/** W&B syncs every ten minutes; two hours after its end a day has everything that is not exceptionally late. */
export const SETTLE_MS = 2 * 3_600_000

/** The version of a document whose days had all ended and settled when it was listed. */
export const FINAL = 'final'

/** Days since 1970 UTC. */
export type Day = number

export const dayOf = (instant: Date): Day => Math.floor(instant.getTime() / DAY_MS)
export const startOf = (day: Day): Date => new Date(day * DAY_MS)
/** `2026-10-01` */
export const dayText = (day: Day): string => startOf(day).toISOString().slice(0, 10)

export const isFinished = (day: Day, asOf: Date, settleMs: number): boolean =>
  (day + 1) * DAY_MS + settleMs <= asOf.getTime()

/** The id of a day's window, without secrets: the endpoint and the day. */
export const windowId = (endpoint: string, day: Day, anonymize: boolean): string =>
  `${endpoint}?day=${dayText(day)}${anonymize ? '&anonymize=true' : ''}`

/** The id of a classic server's answer, which reaches from a day to now; `to` (exclusive) when all until then had settled. */
export const spanId = (endpoint: string, from: Day, to: Day | null, anonymize: boolean): string =>
  `${endpoint}?from=${dayText(from)}${to === null ? '' : `&to=${dayText(to)}`}${anonymize ? '&anonymize=true' : ''}`

/**
 * What `load` has to list: from the first day that is not finished, counted from the oldest day ever loaded, to the
 * end; and at least from `overlapMs` before the end of the last finished day. On the first run: today.
 *
 * So a day that failed while later ones were loaded is gone back to, and a gap between two backfills is filled.
 * Finished days in the range cost nothing. No day within the overlap is finished, so a day within
 * the overlap is read again in every run, while an older one is read once more when it has left the overlap and
 * is then `final`, which the pipeline skips.
 *
 * @param sinks     document → version in each sink, of the source's own namespace
 * @param overlapMs how late an event may become known and still be found
 */
export function loadRange(now: Date, sinks: readonly ReadonlyMap<string, string>[], overlapMs: number): DayRange {
  const first = Math.min(...sinks.map((receipts) => firstDay(dayOf(now), receipts, overlapMs)))
  return { from: startOf(first), to: null }
}

function firstDay(today: Day, receipts: ReadonlyMap<string, string>, overlapMs: number): Day {
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
  return from > oldest ? Math.min(from, dayOf(new Date(from * DAY_MS - overlapMs))) : from
}

/** The days a document's id tells of; of an answer that reached to now the first one, which is the one that matters. */
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
