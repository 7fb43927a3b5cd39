import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auditRecord, timestampProblem } from '../../schemas/record.js'

const OUTSIDE = /outside of the years/
const CALENDAR = /calendar/
const FORMAT = /RFC 3339/

describe('timestampProblem', () => {
  it.each([
    '2023-01-23T12:34:56Z',
    '2023-01-23t12:34:56z',
    '2023-01-23T12:34:56.1Z',
    `2023-01-23T12:34:56.${'123456789'.repeat(50)}Z`,
    '2023-01-23T12:34:56+00:00',
    '2023-01-23T12:34:56-00:00',
    '2023-01-23T00:00:00+23:59',
    '2023-01-23T23:59:59.999-23:59',
    '2024-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z',
    '0001-01-01T00:00:00Z',
    '0001-01-01T01:00:00+01:00',
    '0000-12-31T23:30:00-01:00',
    '9999-12-31T23:59:59.999999999Z',
    '9999-12-31T23:59:59.9999999999999Z',
    '9999-12-31T22:59:59-01:00',
  ])('takes %s', (text) => {
    expect(timestampProblem(text)).toBeNull()
  })

  it.each([
    ['', FORMAT],
    ['epoch', FORMAT],
    ['infinity', FORMAT],
    ['1674477296', FORMAT],
    ['2023-01-23', FORMAT],
    ['2023-01-23T12:34Z', FORMAT],
    ['2023-01-23T12:34:56', FORMAT],
    ['2023-01-23 12:34:56Z', FORMAT],
    [' 2023-01-23T12:34:56Z', FORMAT],
    ['2023-01-23T12:34:56Z\n', FORMAT],
    ['2023-01-23T12:34:56.Z', FORMAT],
    ['2023-01-23T12:34:56,5Z', FORMAT],
    ['2023-01-23T12:34:56+01', FORMAT],
    ['2023-01-23T12:34:56+0100', FORMAT],
    ['2023-01-23T12:34:56\u221201:00', FORMAT],
    ['2023-01-23T12:34:56 Z', FORMAT],
    ['+02023-01-23T12:34:56Z', FORMAT],
    ['-2023-01-23T12:34:56Z', FORMAT],
    ['10000-01-01T00:00:00Z', FORMAT],
    ['2023-1-23T12:34:56Z', FORMAT],
    ['\u0662023-01-23T12:34:56Z', FORMAT],
    ['2023-00-23T12:34:56Z', FORMAT],
    ['2023-13-23T12:34:56Z', FORMAT],
    ['2023-01-00T12:34:56Z', FORMAT],
    ['2023-01-32T12:34:56Z', FORMAT],
    ['2023-01-23T24:00:00Z', FORMAT],
    ['2023-01-23T12:60:00Z', FORMAT],
    ['2023-01-23T12:34:61Z', FORMAT],
    ['2023-01-23T12:34:56+24:00', FORMAT],
    ['2023-01-23T12:34:56+01:60', FORMAT],
    ['2023-02-29T12:34:56Z', CALENDAR],
    ['1900-02-29T12:34:56Z', CALENDAR],
    ['2024-02-30T12:34:56Z', CALENDAR],
    ['2023-04-31T12:34:56Z', CALENDAR],
    ['2023-02-30T23:59:60Z', CALENDAR],
    ['0000-12-31T23:59:59Z', OUTSIDE],
    ['0001-01-01T00:59:59+01:00', OUTSIDE],
    ['9999-12-31T23:00:00-01:00', OUTSIDE],
    ['9999-12-31T23:59:59-00:01', OUTSIDE],
  ])('refuses %j', (text, message) => {
    expect(timestampProblem(text)).toEqual({ reason: 'bad_timestamp', message: expect.stringMatching(message) })
  })

  it.each(['2016-12-31T23:59:60Z', '2016-12-31t23:59:60.5z', '2017-01-01T00:59:60+01:00', '2023-01-23T12:34:60Z'])(
    'gives the leap second %s its own reason',
    (text) => {
      expect(timestampProblem(text)?.reason).toBe('leap_second')
    },
  )

  // Built from an instant instead of taken apart: what a clock somewhere shows at an instant in range is a timestamp.
  const MINUTE = 60_000
  const FIRST = Date.parse('0001-01-01T00:00:00Z')
  const END = Date.parse('9999-12-31T23:59:59Z') + 1000
  const shown = fc.record({
    offset: fc.integer({ min: -1439, max: 1439 }),
    letter: fc.constantFrom('T', 't'),
    zulu: fc.constantFrom('Z', 'z', '+00:00', '-00:00'),
    fraction: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 20 }),
  })
  const twoDigits = (value: number): string => String(value).padStart(2, '0')
  function show(
    instant: number,
    { offset, letter, zulu, fraction }: typeof shown extends fc.Arbitrary<infer T> ? T : never,
  ) {
    const local = new Date(instant + offset * MINUTE).toISOString()
    const ahead = `${offset < 0 ? '-' : '+'}${twoDigits(Math.floor(Math.abs(offset) / 60))}:${twoDigits(Math.abs(offset) % 60)}`
    const digits = fraction.length === 0 ? '' : `.${fraction.join('')}`
    return local.slice(0, 10) + letter + local.slice(11, 19) + digits + (offset === 0 ? zulu : ahead)
  }

  it('takes every instant of the years 0001 to 9999, shown at any offset', () => {
    const near = (edge: number) => fc.integer({ min: edge - 172_800_000, max: edge + 172_800_000 })
    const instants = fc.oneof(fc.integer({ min: FIRST, max: END - 1 }), near(FIRST), near(END))
    fc.assert(
      fc.property(instants, shown, (instant, look) => {
        const text = show(instant, look)
        fc.pre(/^[0-9]{4}-/.test(text))
        const inRange = instant >= FIRST && instant < END
        expect(timestampProblem(text)?.reason ?? null).toBe(inRange ? null : 'bad_timestamp')
      }),
      { numRuns: 2000 },
    )
  })

  it('knows the length of every month', () => {
    const days = fc.record({
      year: fc.integer({ min: 1, max: 9999 }),
      month: fc.integer({ min: 1, max: 12 }),
      day: fc.integer({ min: 28, max: 31 }),
    })
    const lengthOf = (year: number, month: number): number => {
      if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
      return [4, 6, 9, 11].includes(month) ? 30 : 31
    }
    fc.assert(
      fc.property(days, ({ year, month, day }) => {
        const text = `${String(year).padStart(4, '0')}-${twoDigits(month)}-${day}T12:00:00Z`
        expect(timestampProblem(text) === null).toBe(day <= lengthOf(year, month))
      }),
    )
  })

  it('agrees with the record schema, and never repeats the value', () => {
    const texts = fc.oneof(
      fc.string({ minLength: 12 }),
      fc
        .tuple(fc.integer({ min: 0, max: END - 1 }), shown, fc.nat(30), fc.string({ maxLength: 2 }))
        .map(([instant, look, at, noise]) => {
          const text = show(instant, look)
          return text.slice(0, at) + noise + text.slice(at + 1)
        }),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const problem = timestampProblem(text)
        expect(auditRecord.safeParse({ timestamp: text, action: 'user:login' }).success).toBe(problem === null)
        expect(problem?.message ?? '').not.toContain(text)
      }),
      { numRuns: 1000 },
    )
  })
})
