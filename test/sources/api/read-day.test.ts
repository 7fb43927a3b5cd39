import { describe, expect, test } from 'vitest'
import { DAY_MS, dayOf, type Phase } from '../../../src/sources/api/days.js'
import { type Outcome, readDay } from '../../../src/sources/api/read-day.js'
import { type DayProgress, readingOf } from '../../../src/sources/api/readings.js'

const DAY = dayOf(new Date('2026-03-05T00:00:00Z'))
const RANGE = { from: DAY * DAY_MS, to: (DAY + 1) * DAY_MS }

const line = (time: string): string => `{"timestamp":"2026-03-05T${time}","action":"a"}`

/** What a reading of the whole day passes on, how often it asks, and what it comes to. */
async function reading(text: string, phase: Phase, before: DayProgress | null) {
  let asked = 0
  let outcome: Outcome = { anyLine: false, digest: '' }
  async function* ask() {
    asked++
    yield { chunks: chunksOf(text), range: RANGE }
  }
  async function* chunksOf(all: string) {
    yield Buffer.from(all)
  }
  const due = readingOf(DAY, phase, before, RANGE.to + DAY_MS, false)
  let passed = ''
  for await (const chunk of readDay(DAY, due, ask, (end) => {
    outcome = end
  }))
    passed += Buffer.from(chunk).toString()
  return { lines: passed.split('\n').filter(Boolean), passed, asked, ...outcome }
}

/** A day of which everything was read and had settled. */
async function settled(text: string): Promise<DayProgress> {
  const { digest } = await reading(text, 'settled', null)
  return { until: RANGE.to, hours: 24, digest }
}

const BEFORE = [line('01:00:00Z'), line('02:00:00Z'), line('23:00:00Z')]

describe('a day that is read again', () => {
  test('passes on nothing of what is the same, with a line end or without one', async () => {
    const before = await settled(`${BEFORE.join('\n')}\n`)
    for (const text of [`${BEFORE.join('\n')}\n`, BEFORE.join('\n')])
      expect(await reading(text, 'final', before)).toMatchObject({ lines: [], asked: 1, digest: before.digest })
  })

  test('is passed on whole, line by line, when an hour differs and its last line has no end', async () => {
    const { digest } = await reading(`${line('01:00:00Z')}\n`, 'settled', null)
    const before = { until: RANGE.to, hours: 23, digest }
    const { lines } = await reading(BEFORE.join('\n'), 'settled', before)
    expect(lines.toSorted()).toEqual(BEFORE)
  })

  test('and differed once is not taken for another one the next time', async () => {
    const { digest } = await reading(`${line('01:00:00Z')}\n`, 'settled', null)
    const text = `${BEFORE.join('\n')}\n`
    const again = await reading(text, 'settled', { until: RANGE.to, hours: 23, digest })
    expect(again.digest).toBe((await settled(text)).digest)
  })

  test('is passed on whole when a line has no place, because that may repeat an event of any hour', async () => {
    const unplaced = line('01:00:00+00:00')
    const before = await settled(`${BEFORE.join('\n')}\n`)
    const { lines } = await reading(`${[...BEFORE, unplaced].join('\n')}\n`, 'final', before)
    expect(lines.toSorted()).toEqual([...BEFORE, unplaced].toSorted())
  })
})
