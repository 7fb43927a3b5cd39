import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineSieve } from '../../../src/sources/api/line-sieve.js'

const AT = Date.parse('2026-03-05T12:34:56Z')

/** The times that the sieve finds in the lines of a text, which arrives in chunks of this size. */
function timesIn(text: string, chunkBytes = text.length + 1): (number | null)[] {
  const times: (number | null)[] = []
  const sieve = new LineSieve((at) => times.push(at) > 0)
  for (const chunk of chunks(text, chunkBytes)) sieve.push(chunk)
  sieve.end()
  return times
}

function* chunks(text: string, size: number): Generator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('the time of a line', () => {
  test.each([
    '{"timestamp":"2026-03-05T12:34:56Z","action":"a"}',
    '{"action":"a","timestamp" : "2026-03-05T12:34:56.123456Z"}',
    // No key, but a value of the same letters, also within a longer text.
    '{"action":"a","project_name":"timestamp","timestamp":"2026-03-05T12:34:56Z"}',
    '{"action":"a","project_name":"\\"timestamp\\":\\"2020-01-01T00:00:00Z\\"","timestamp":"2026-03-05T12:34:56Z"}',
  ])('is found in %s', (line) => {
    expect(timesIn(line)).toEqual([AT])
  })

  test.each([
    ['two keys', '{"timestamp":"2026-03-05T12:34:56Z","action":"a","timestamp":"2026-03-06T12:34:56Z"}'],
    [
      'one of them nested',
      '{"timestamp":"2026-03-05T12:34:56Z","action":"a","x":{"timestamp":"2026-03-05T12:34:56Z"}}',
    ],
    ['another form', '{"timestamp":"2026-03-05T12:34:56+00:00","action":"a"}'],
    ['another type', '{"timestamp":1772714096,"action":"a"}'],
    ['no time at all', '{"timestamp":"2026-03-05T25:34:56Z","action":"a"}'],
    ['no action, as in an error of the server', '{"timestamp":"2026-03-05T12:34:56Z","error":"x"}'],
    ['no timestamp', '{"action":"a"}'],
    ['no JSON', 'upstream timed out'],
  ])('is null with %s', (_, line) => {
    expect(timesIn(line)).toEqual([null])
  })
})

test('blank lines are left out, and a last line without an end gets one', () => {
  const sieve = new LineSieve(() => true)
  expect(Buffer.from(sieve.push(Buffer.from('\n \r\na\n\n b'))).toString()).toBe('a\n')
  expect(Buffer.from(sieve.end()).toString()).toBe(' b\n')
})

test('a line longer than a mebibyte passes as it arrives', () => {
  const sieve = new LineSieve(() => false)
  const piece = Buffer.alloc(700_000, 'x')
  const passed = [sieve.push(piece), sieve.push(piece), sieve.push(Buffer.from('x\ny\n')), sieve.end()]
  expect(passed.map(({ length }) => length)).toEqual([0, 1_400_000, 2, 0])
})

test('lines are kept whole and in order, in whatever chunks they arrive', () => {
  const line = fc.record({ second: fc.integer({ min: 0, max: 59 }), name: fc.string({ unit: 'grapheme' }) })
  fc.assert(
    fc.property(fc.array(line), fc.integer({ min: 1, max: 300 }), (lines, size) => {
      const texts = lines.map(({ second, name }) => {
        const timestamp = `2026-03-05T12:34:${String(second).padStart(2, '0')}Z`
        return `${JSON.stringify({ timestamp, action: 'a', name })}\n`
      })
      const isEarly = (at: number | null): boolean => at === null || at < AT
      const sieve = new LineSieve(isEarly)
      const kept = [...chunks(texts.join(''), size)].map((chunk) => Buffer.from(sieve.push(chunk)))
      const expected = texts.filter((_, i) => (lines[i]?.second ?? 0) < 56)
      expect(Buffer.concat([...kept, sieve.end()]).toString()).toBe(expected.join(''))
    }),
  )
})
