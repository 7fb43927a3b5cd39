import { describe, expect, it } from 'vitest'
import { dayOf, eventDays, spansOf, wholeDay } from '../../../sinks/shared/spans.js'
import { batchOf, documentOf, ndjson, newEngine } from '../../support/load.js'

const day = (text: string): bigint => BigInt(Date.parse(text)) / 86_400_000n
const days = (...numbers: number[]) => numbers.map((each) => wholeDay(BigInt(each)))

async function daysOf(...times: string[]): Promise<string[]> {
  const lines = ndjson(...times.map((timestamp) => ({ timestamp, action: 'user:login' })))
  const found = await eventDays(await batchOf(await newEngine(), [documentOf('a', lines)]))
  return found.map(({ least, greatest }) =>
    [least, greatest].map((us) => new Date(Number(us / 1000n)).toISOString()).join(' '),
  )
}

describe('the days of a batch', () => {
  it('are those there are, each with its first and last instant', async () => {
    expect(await daysOf()).toEqual([])
    expect(await daysOf('2026-10-01T23:59:59.999Z')).toEqual(['2026-10-01T23:59:59.999Z 2026-10-01T23:59:59.999Z'])
    const times = ['2026-10-02T12:00:00Z', '0001-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '9999-12-31T23:59:59Z']
    expect(await daysOf('2026-10-01T00:00:00Z', '2026-10-01T01:00:00Z', ...times)).toEqual([
      '0001-01-01T00:00:00.000Z 0001-01-01T00:00:00.000Z',
      '1969-12-31T23:59:59.000Z 1969-12-31T23:59:59.000Z',
      '2026-10-01T00:00:00.000Z 2026-10-01T01:00:00.000Z',
      '2026-10-02T12:00:00.000Z 2026-10-02T12:00:00.000Z',
      '9999-12-31T23:59:59.000Z 9999-12-31T23:59:59.000Z',
    ])
  })

  it('begin at midnight UTC, before 1970 too', () => {
    const first = day('1969-12-31T00:00:00Z')
    expect([dayOf(-1n), dayOf(0n), dayOf(-86_400_000_000n), dayOf(-86_400_000_001n)]).toEqual([-1n, 0n, -1n, -2n])
    expect(wholeDay(first)).toEqual({ least: -86_400_000_000n, greatest: -1n })
  })
})

describe('spans', () => {
  it('join neighbouring days alone', () => {
    expect(spansOf([], 8)).toEqual([])
    expect(spansOf(days(5), 1)).toEqual(days(5))
    expect(spansOf(days(-2, 1, 2, 3, 20), 8)).toEqual([
      ...days(-2),
      { least: wholeDay(1n).least, greatest: wholeDay(3n).greatest },
      ...days(20),
    ])
  })

  it('join the nearest days where there would be too many', () => {
    const [one, ten, twelve] = [wholeDay(1n), wholeDay(10n), wholeDay(12n)]
    expect(spansOf(days(1, 2, 3, 10, 12, 100), 3)).toEqual([
      { least: one.least, greatest: wholeDay(3n).greatest },
      { least: ten.least, greatest: twelve.greatest },
      wholeDay(100n),
    ])
    const scattered = days(...Array.from({ length: 3000 }, (_, i) => i * 2))
    const spans = spansOf(scattered, 50)
    expect(spans).toHaveLength(50)
    expect(
      scattered.every((each) => spans.some((span) => span.least <= each.least && each.greatest <= span.greatest)),
    ).toBe(true)
  })
})
