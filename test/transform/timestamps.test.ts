import fc from 'fast-check'
import { expect, it } from 'vitest'
import { timestampProblem } from '../../schemas/timestamp.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { instantOf, isExactTime, isPlainTime, nanosecondsOf } from '../../src/transform/identity.js'
import { nanoseconds } from '../support/exact.js'
import { newEngine } from '../support/load.js'

const digits = (length: number, greatest: number) =>
  fc.oneof(fc.nat(greatest), fc.constantFrom(0, 1, greatest)).map((n) => String(n).padStart(length, '0'))

const year = fc.oneof(digits(4, 9999), fc.constantFrom('0000', '0001', '1582', '1900', '1969', '2000', '2024', '9999'))
const day = fc.oneof(digits(2, 31), fc.constantFrom('00', '28', '29', '30', '31', '32'))
const fraction = fc.oneof(
  fc.constant(''),
  fc.stringMatching(/^\.[0-9]{1,12}$/),
  fc.constantFrom('.', '.000', '.999999999999', ',5'),
)
const zone = fc.oneof(
  fc.constantFrom('Z', 'z', '', ' Z', '+00:00', '-00:00', '+24:00', '+01', '+0100', '\u221201:00', 'UTC', ' (BC)'),
  fc.tuple(fc.constantFrom('+', '-'), digits(2, 23), digits(2, 59)).map(([sign, h, m]) => `${sign}${h}:${m}`),
)
const almost = fc
  .tuple(
    fc.tuple(year, digits(2, 13), day).map((parts) => parts.join('-')),
    fc.constantFrom('T', 'T', 'T', 'T', 't', ' ', ''),
    fc.tuple(digits(2, 24), digits(2, 60), digits(2, 61)).map((parts) => parts.join(':')),
    fraction,
    zone,
  )
  .map((parts) => parts.join(''))

it('the engine and the schema agree on which texts are instants, and the reference on which', async () => {
  const words = ['', 'epoch', 'infinity', '-infinity', 'now', 'today', '2026-10-01', '12:00:00', '1674477296', '\u0000']
  const texts = [...new Set([...words, ...fc.sample(almost, { numRuns: 20_000, seed: 20261001 })])]
  const engine = await newEngine()
  await engine.run('CREATE TABLE texts (text VARCHAR)')
  const appender = await engine.connection.createAppender('texts')
  for (const text of texts) {
    appender.appendVarchar(text)
    appender.endRow()
  }
  appender.closeSync()
  const rows = await engine.rows(`
    SELECT text, epoch_us(instant)::VARCHAR AS micros, instant IS NOT NULL AS taken,
      ${nanosecondsOf('instant', 'text', 'plain')} AS nanos, ${isExactTime('text', 'plain')} AS exact
    FROM (SELECT *, ${instantOf('text', 'plain')} AS instant FROM (SELECT text, ${isPlainTime('text')} AS plain FROM texts))`)
  expect(rows).toHaveLength(texts.length)
  const taken = rows.filter((row) => row.taken === true)
  expect(rows.filter(({ text, taken }) => taken !== (timestampProblem(String(text)) === null))).toEqual([])
  expect(taken.filter(({ text, nanos }) => String(nanos) !== String(nanoseconds(String(text))))).toEqual([])
  const floored = (text: string): bigint => {
    const nanos = nanoseconds(text)
    return (nanos - (((nanos % 1000n) + 1000n) % 1000n)) / 1000n
  }
  expect(taken.filter(({ text, micros }) => micros !== String(floored(String(text))))).toEqual([])
  expect(taken.filter((row) => row.exact).every(({ text }) => /^.{10}T.{8}(\.\d{1,6})?Z$/.test(String(text)))).toBe(
    true,
  )
  expect(taken.length).toBeGreaterThan(1000)
  expect(rows.length - taken.length).toBeGreaterThan(1000)
})

it('no text is a statement', () => {
  expect(quotedString("'; DROP TABLE texts; --")).toBe("'''; DROP TABLE texts; --'")
})
