import { describe, expect, it } from 'vitest'
import { coverageOf, rangesOf } from '../../src/report/days.js'
import type { Row } from '../../src/rows.js'
import { answersOf } from './support.js'

const RANGE = { from: new Date('2026-10-01T00:00:00Z'), to: new Date('2026-10-11T00:00:00Z') }

const hour = (day: string): Row => ({ day, utc_hour: 1, category: 'read', events: 2, refused: 0 })
const document = (first_day: string, last_day: string, at_midnight = false): Row => ({
  ...{ first_day, last_day, at_midnight },
  documents: 1,
})

const states = (rows: Readonly<Record<string, readonly Row[]>>): string =>
  coverageOf(answersOf(rows), RANGE)
    .map(({ state }) => state[0])
    .join('')

describe('the days of a report', () => {
  it('are gaps where no document covers them, from the first document on', () => {
    expect(
      states({
        hours: [hour('2026-10-03'), hour('2026-10-09')],
        coverage: [document('2026-10-03', '2026-10-05'), document('2026-10-04', '2026-10-04')],
        sources: [{ source: 'a', earliest: '2026-10-03T04:00:00Z' }],
      }),
    ).toBe('bbeeegggeg')
  })

  it('end before the midnight at which a window ends', () => {
    const sources = [{ source: 'a', earliest: '2026-09-01T00:00:00Z' }]
    expect(states({ coverage: [document('2026-10-01', '2026-10-03', true)], sources })).toBe('eegggggggg')
    // A file whose one event is at midnight.
    expect(states({ coverage: [document('2026-10-03', '2026-10-03', true)], sources })).toBe('ggeggggggg')
  })

  it('follow each other as ranges', () => {
    const days = coverageOf(
      answersOf({
        hours: [hour('2026-10-01'), hour('2026-10-04'), hour('2026-10-06')],
        sources: [{ source: 'a', earliest: '2026-09-01T00:00:00Z' }],
      }),
      RANGE,
    )
    expect(rangesOf(days, 'gap')).toEqual([
      { first: '2026-10-02', last: '2026-10-03', days: 2 },
      { first: '2026-10-05', last: '2026-10-05', days: 1 },
      { first: '2026-10-07', last: '2026-10-10', days: 4 },
    ])
    expect(rangesOf(days, 'events')).toHaveLength(3)
  })
})
