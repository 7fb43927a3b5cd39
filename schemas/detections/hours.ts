/** Working hours in a time zone. Its offsets are looked up here, so that every warehouse computes with the same ones. */

import { z } from 'zod'
import type { Span } from '../day-digest.js'
import { DAY, HOUR, micros } from './sql.js'

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

export const TIME_ZONE = z.string().refine(isTimeZone, 'expected a time zone, for example Europe/Berlin')

export interface Hours {
  readonly from_hour: number
  readonly to_hour: number
  readonly days: readonly (typeof WEEKDAYS)[number][]
  readonly time_zone: string
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format() !== ''
  } catch {
    return false
  }
}

/** Condition: an instant of the span, in microseconds since 1970 UTC, lies outside the hours. */
export function isOutside(us: string, span: Span, { from_hour, to_hour, days, time_zone }: Hours): string {
  // 1 January 1970 was a Thursday, so Monday is three days ahead.
  const sinceMonday = `MOD(${us} + (${offsets(us, span, time_zone)}) + ${3 * DAY}, ${7 * DAY})`
  const isWork = days.map((day) => {
    const midnight = WEEKDAYS.indexOf(day) * DAY
    const [begin, end] = [midnight + from_hour * HOUR, midnight + to_hour * HOUR]
    if (begin < end) return `${sinceMonday} >= ${begin} AND ${sinceMonday} < ${end}`
    // Over midnight, and on Sunday into the next week.
    return `MOD(${sinceMonday} + ${7 * DAY - begin}, ${7 * DAY}) < ${DAY - begin + end}`
  })
  return isWork.length === 0 ? 'TRUE' : `NOT (${isWork.join('\n  OR ')})`
}

/** The offset of local time at an instant of the span, in microseconds. */
function offsets(us: string, span: Span, zone: string): string {
  const changes = changesOf(span, zone)
  const last = changes.pop()
  if (changes.length === 0) return String(last?.offset ?? 0)
  return `CASE${changes.map(({ until, offset }) => ` WHEN ${us} < ${micros(until)} THEN ${offset}`).join('')} ELSE ${last?.offset ?? 0} END`
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** The offsets that hold one after another in a span, each until the next. */
function changesOf({ from, to }: Span, zone: string): { readonly until: Date; readonly offset: number }[] {
  const offsetAt = offsetsOf(zone)
  const changes = []
  let at = from.getTime()
  let offset = offsetAt(at)
  while (at < to.getTime()) {
    const next = at + DAY_MS
    if (offsetAt(next) !== offset) {
      changes.push({ until: new Date(changeIn(at, next, offsetAt)), offset: offset * 1000 })
      offset = offsetAt(next)
    }
    at = next
  }
  return [...changes, { until: to, offset: offset * 1000 }]
}

/** The minute between two instants at which the offset changes. */
function changeIn(before: number, after: number, offsetAt: (at: number) => number): number {
  let [low, high] = [before, after]
  while (high - low > MINUTE_MS) {
    const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS
    if (offsetAt(middle) === offsetAt(before)) low = middle
    else high = middle
  }
  return Math.floor(high / MINUTE_MS) * MINUTE_MS
}

/** Milliseconds that local time is ahead of UTC. */
function offsetsOf(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  })
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
    const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
    return local - Math.floor(at / 1000) * 1000
  }
}
