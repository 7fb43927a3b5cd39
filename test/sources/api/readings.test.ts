import { describe, expect, test } from 'vitest'
import { dayOf, type Phase } from '../../../src/sources/api/days.js'
import { type DayProgress, progressOf, readingOf, versionOf } from '../../../src/sources/api/readings.js'

const DAY = dayOf(new Date('2026-03-05T00:00:00Z'))
const at = (time: string): number => Date.parse(`2026-03-${time}:00Z`)

/** The spans to read, as `hh:mm-hh:mm` of 5 March or `dd hh:mm`, and the version that follows. */
function due(now: string, version: string | undefined, { phase = 'open' as Phase, eagerly = false } = {}) {
  const before = progressOf(DAY, version, at(now))
  const reading = readingOf(DAY, phase, before, at(now), eagerly)
  const text = (ms: number): string => new Date(ms).toISOString().slice(8, 16).replace('T', ' ').replace('05 ', '')
  const spans = reading.spans.map(({ from, to }) => `${text(from)}-${text(to)}`)
  return [spans, versionOf(DAY, reading, 'D')]
}

describe('what is due of a day', () => {
  test('that was never read is all of it', () => {
    expect(due('05T12:00', undefined)).toEqual([['00:00-06 00:00'], 'until=11:45:00 hours=10 sha256=D'])
    expect(due('05T00:05', undefined)).toEqual([['00:00-06 00:00'], 'until=00:00:00 hours=0 sha256=D'])
  })

  test('ten minutes later is what has become complete since', () => {
    expect(due('05T12:10', 'until=11:45:00 hours=10 sha256=C')).toEqual([
      ['11:45-11:55'],
      'until=11:55:00 hours=10 sha256=D',
    ])
  })

  test('is an hour that has settled, beside it', () => {
    expect(due('05T13:00', 'until=12:35:00 hours=10 sha256=C')).toEqual([
      ['10:00-11:00', '12:35-12:45'],
      'until=12:45:00 hours=11 sha256=D',
    ])
  })

  test('after some hours is all from the first that has settled, to the end', () => {
    expect(due('05T18:00', 'until=11:45:00 hours=10 sha256=C')).toEqual([
      ['10:00-06 00:00'],
      'until=17:45:00 hours=16 sha256=D',
    ])
  })

  test('is nothing if it was read a moment ago', () => {
    expect(due('05T12:00', 'until=11:45:00 hours=10 sha256=C')[0]).toEqual([])
  })

  test('is the end of the day once it is complete, and nothing more until an hour settles', () => {
    expect(due('06T00:20', 'until=23:55:00 hours=22 sha256=C')[0]).toEqual(['23:55-06 00:00'])
    expect(due('06T00:30', 'until=24:00:00 hours=22 sha256=C')[0]).toEqual([])
    expect(due('06T01:00', 'until=24:00:00 hours=22 sha256=C')).toEqual([
      ['22:00-23:00'],
      'until=24:00:00 hours=23 sha256=D',
    ])
  })

  test('is all of it when it has settled and when it is final', () => {
    const open = 'until=24:00:00 hours=23 sha256=C'
    expect(due('06T02:00', open, { phase: 'settled' })).toEqual([['00:00-06 00:00'], 'settled sha256=D'])
    expect(due('07T00:00', 'settled sha256=C', { phase: 'final' })).toEqual([['00:00-06 00:00'], 'final'])
  })

  test('goes to the end of the day when nobody knows the time', () => {
    expect(due('05T12:10', 'until=11:45:00 hours=10 sha256=C', { eagerly: true })[0]).toEqual(['11:45-06 00:00'])
  })
})

describe('a receipt', () => {
  const read: DayProgress = { until: at('05T11:45'), hours: 9, digest: 'C' }

  test('says how far a day was read', () => {
    expect(progressOf(DAY, 'until=11:45:00 hours=9 sha256=C', at('05T12:00'))).toEqual(read)
    expect(progressOf(DAY, 'settled sha256=C', at('06T12:00'))).toEqual({
      until: at('06T00:00'),
      hours: 24,
      digest: 'C',
    })
  })

  test.each([
    ['there is none', undefined],
    ['an earlier version wrote it', 'settled'],
    ['a replay wrote it', 'replayed until=11:45:00 hours=9 sha256=C'],
    ['it is a hash', 'ab12'.repeat(16)],
    ['it tells of the future', 'until=12:00:01 hours=9 sha256=C'],
    ['its hours have not settled', 'until=11:45:00 hours=11 sha256=C'],
    ['its day has not settled', 'settled sha256=C'],
    ['the digest is missing', 'until=11:45:00 hours=9 sha256='],
    ['its numbers are impossible', 'until=11:45:00 hours=99 sha256=C'],
  ])('says nothing when %s', (_, version) => {
    expect(progressOf(DAY, version, at('05T12:00'))).toBe(null)
  })
})
