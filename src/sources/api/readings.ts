/** Which part of a day a run has to read, given how far the day was read before: docs/decisions/late-events.md. */

import { DAY_MS, type Day, FINAL, type Phase, SETTLE_MS } from './days.js'

export const HOUR_MS = 3_600_000
export const HOURS = 24

/** Younger events may not be complete: W&B syncs every ten minutes, and a sync takes time. */
export const SYNC_MS = 15 * 60_000

/** A day that was not read for this long is read to its end, incomplete or not: such a schedule can afford it. */
const RARE_MS = HOUR_MS

/** Half-open, whole seconds, in milliseconds since 1970. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** How far a day has been read, as the version in its receipt says. */
export interface DayProgress {
  /** Everything before this instant was read once, in milliseconds since 1970. */
  readonly until: number
  /** So many hours of the day, from its first, were read after they had settled. */
  readonly hours: number
  /** Digest of these hours' lines. */
  readonly digest: string
}

export interface Reading {
  readonly phase: Phase
  /** Ascending, and none touches the next. Empty when nothing is due. */
  readonly spans: readonly Span[]
  /** The settled hours that were read before. If they are within the spans, they are passed on only if their lines differ. */
  readonly before: Pick<DayProgress, 'hours' | 'digest'>
  /** How far the day will have been read. */
  readonly after: Pick<DayProgress, 'hours' | 'until'>
}

/** The digest of no hour. */
export const NO_HOUR = ''

/**
 * @param before  null when nothing is known of an earlier reading
 * @param asOf    the clock that is behind
 * @param eagerly reads the day to its end in every run
 */
export function readingOf(day: Day, phase: Phase, before: DayProgress | null, asOf: number, eagerly: boolean): Reading {
  const start = day * DAY_MS
  const end = start + DAY_MS
  const { until, hours: settledBefore, digest } = before ?? { until: start, hours: 0, digest: NO_HOUR }
  const known = { hours: settledBefore, digest }
  if (phase !== 'open')
    return { phase, spans: [{ from: start, to: end }], before: known, after: { until: end, hours: HOURS } }
  const hours = Math.max(settledBefore, Math.floor((asOf - SETTLE_MS - start) / HOUR_MS))
  const complete = Math.min(end, Math.max(until, Math.floor((asOf - SYNC_MS) / 1000) * 1000))
  const toItsEnd = before === null || eagerly || asOf - SYNC_MS - until >= RARE_MS
  const settled = { from: start + settledBefore * HOUR_MS, to: start + hours * HOUR_MS }
  const fresh = { from: until, to: toItsEnd ? end : complete }
  return { phase, spans: joined([settled, fresh]), before: known, after: { until: complete, hours } }
}

/** A reading of final days, `end` exclusive, of which nothing is known. */
export const wholeDays = (first: Day, end: Day): Reading => ({
  phase: 'final',
  spans: [{ from: first * DAY_MS, to: end * DAY_MS }],
  before: { hours: 0, digest: NO_HOUR },
  after: { until: end * DAY_MS, hours: 0 },
})

/** Leaves out empty spans, and makes one of those that touch. Takes them by their start. */
function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = []
  for (const span of spans) {
    if (span.from >= span.to) continue
    const last = result.at(-1)
    if (last !== undefined && span.from <= last.to) {
      result[result.length - 1] = { from: last.from, to: Math.max(last.to, span.to) }
    } else result.push(span)
  }
  return result
}

/** The version of a day in a receipt: `until=11:45:00 hours=9 sha256=…`, `settled sha256=…` or `final`. */
export function versionOf(day: Day, { phase, after: { until, hours } }: Reading, digest: string): string {
  if (phase === 'final') return FINAL
  if (phase === 'settled') return `settled sha256=${digest}`
  const seconds = (until - day * DAY_MS) / 1000
  const clock = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((n) => String(Math.floor(n)).padStart(2, '0'))
  return `until=${clock.join(':')} hours=${hours} sha256=${digest}`
}

const OPEN = /^until=(\d\d):(\d\d):(\d\d) hours=(\d\d?) sha256=([\w-]*)$/
const SETTLED = /^settled sha256=([\w-]*)$/

/**
 * What a receipt's version says of a day. Null when it says nothing, as those of earlier versions of this program do, or what
 * cannot be true by the present clock: then the day is read from its beginning.
 */
export function progressOf(day: Day, version: string | undefined, asOf: number): DayProgress | null {
  const start = day * DAY_MS
  const [, settled] = SETTLED.exec(version ?? '') ?? []
  const [, hour, minute, second, count, digest] = OPEN.exec(version ?? '') ?? []
  if (settled === undefined && digest === undefined) return null
  const until = settled === undefined ? ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 : DAY_MS
  const hours = settled === undefined ? Number(count) : HOURS
  const hadSettled = hours === 0 || start + hours * HOUR_MS + SETTLE_MS <= asOf
  const isPossible = until <= DAY_MS && hours <= HOURS && start + until <= asOf && hadSettled
  const hasDigest = hours === 0 || (settled ?? digest) !== NO_HOUR
  return isPossible && hasDigest ? { until: start + until, hours, digest: settled ?? digest ?? NO_HOUR } : null
}
