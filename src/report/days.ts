/** What is known about each UTC day of a report. */

import type { Span } from '../../schemas/day-digest.js'
import { type Answers, numberIn, rowsOf, textIn } from './answers.js'

const DAY_MS = 86_400_000

/** events: it has some. empty: documents cover it but have none. gap: no document covers it. before: every document begins later. */
export type DayState = 'events' | 'empty' | 'gap' | 'before'

export interface Day {
  /** `2026-10-01` */
  readonly day: string
  readonly events: number
  readonly state: DayState
}

/** Both inclusive. */
export interface DayRange {
  readonly first: string
  readonly last: string
  readonly days: number
}

export const dayText = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 10)

export const daysIn = ({ from, to }: Span): string[] =>
  Array.from({ length: Math.round((to.getTime() - from.getTime()) / DAY_MS) }, (_, i) =>
    dayText(from.getTime() + i * DAY_MS),
  )

export function coverageOf(answers: Answers, range: Span): readonly Day[] {
  const events = new Map<string, number>()
  for (const row of rowsOf(answers, 'hours')) {
    const day = textIn(row, 'day') ?? ''
    events.set(day, (events.get(day) ?? 0) + numberIn(row, 'events'))
  }
  const days = daysIn(range)
  const covered = coveredDays(answers, days)
  const earliest = rowsOf(answers, 'sources')
    .flatMap((row) => textIn(row, 'earliest')?.slice(0, 10) ?? [])
    .sort()[0]
  return days.map((day) => {
    const count = events.get(day) ?? 0
    if (count > 0) return { day, events: count, state: 'events' }
    if (covered.has(day)) return { day, events: 0, state: 'empty' }
    return { day, events: 0, state: earliest === undefined || day < earliest ? 'before' : 'gap' }
  })
}

/** How many documents begin and end on each day; a day is covered while more have begun than ended. */
function coveredDays(answers: Answers, days: readonly string[]): ReadonlySet<string> {
  const change = new Map<string, number>()
  const add = (day: string, by: number): void => void change.set(day, (change.get(day) ?? 0) + by)
  for (const row of rowsOf(answers, 'coverage')) {
    const [first, last] = [textIn(row, 'first_day') ?? '', textIn(row, 'last_day') ?? '']
    const end = row.at_midnight === true && last > first ? last : dayText(Date.parse(last) + DAY_MS)
    add(first, 1)
    add(end, -1)
  }
  const covered = new Set<string>()
  let open = 0
  for (const day of days) {
    open += change.get(day) ?? 0
    if (open > 0) covered.add(day)
  }
  return covered
}

/** Consecutive days of one state, as ranges. */
export function rangesOf(days: readonly Day[], state: DayState): readonly DayRange[] {
  const ranges: DayRange[] = []
  let before: Day | undefined
  for (const each of days) {
    const open = before?.state === state ? ranges.pop() : undefined
    if (open !== undefined && each.state !== state) ranges.push(open)
    if (each.state === state)
      ranges.push({ first: open?.first ?? each.day, last: each.day, days: (open?.days ?? 0) + 1 })
    before = each
  }
  return ranges
}

/** Monday is 0. */
export const weekdayOf = (day: string): number => (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7
