import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MOST_KEYS, MOST_LEVELS, scan } from '../../src/transform/scan.js'

const problemOf = (text: string): string | null => {
  const scanned = scan(Buffer.from(text))
  return 'problem' in scanned ? scanned.problem : null
}

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Whole numbers, so that JavaScript writes them as they stand there. */
const value = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, '', 'a', '"', '\\', '\n', 'é', '😀', '\u2028', '\u007f'),
    fc.integer(),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 4 }), tie('json'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).json

const object = fc.dictionary(fc.string({ maxLength: 6 }), value, { maxKeys: 5, noNullPrototype: true })
const spaces = fc.constantFrom(undefined, 1, '\t', '\r\n ')

/** What a reader may trip over, in place of a piece of good text. */
const trip = fc.constantFrom(
  ...['', ',', ':', '"', '{', '}', '[', ']', '\\', '0', '-', '.', 'e', '+', 'u', '\\u', '\\ud800', 't', 'null', 'NaN'],
  ...["'", '//', '/**/', '\f', '\v', '\u0000', '\u0001', '\u00a0', '\ufeff', ' ', '\t', '1e5', '-0', '01', '1.', '.5'],
)

describe('what is scanned', () => {
  it('is taken for JSON exactly when JSON.parse takes it', () => {
    fc.assert(
      fc.property(value, spaces, fc.nat(), fc.nat(4), trip, (json, space, place, length, instead) => {
        const text = JSON.stringify(json, null, space)
        const at = place % (text.length + 1)
        const changed = (text.slice(0, at) + instead + text.slice(at + length)).toWellFormed()
        expect([changed, problemOf(changed) !== 'not_json' && problemOf(changed) !== 'two_values']).toEqual([
          changed,
          parses(changed),
        ])
      }),
      { numRuns: 5000 },
    )
  })

  it('has the values that JSON.stringify writes, whatever spaces and escapes stand in it', () => {
    const escaped = (text: string): string =>
      text.replace(/[a-z\u007f-\uffff/]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    fc.assert(
      fc.property(object, spaces, fc.boolean(), (made, space, withEscapes) => {
        const plain = JSON.stringify(made, null, space)
        const inStrings = plain.replace(/"(?:[^"\\]|\\.)*"/g, (string) =>
          string.includes('\\') ? string : escaped(string),
        )
        const scanned = scan(Buffer.from(withEscapes ? inStrings : plain))
        expect('members' in scanned && scanned.members?.map(({ key, value }) => [key, value])).toEqual(
          Object.entries(made).map(([key, member]) => [key, JSON.stringify(member)]),
        )
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps every digit', () => {
    const scanned = scan(Buffer.from('{"a":[1.10, -0, 1E400,12345678901234567890]}'))
    expect('members' in scanned && scanned.members?.[0]?.value).toBe('[1.10,-0,1E400,12345678901234567890]')
  })
})

describe('a key that stands twice', () => {
  it.each([
    ['{"a":1,"a":2}', 'duplicate_key'],
    ['{"a":1,"\\u0061":1}', 'duplicate_key'],
    ['{"a":{"b":1,"c":2},"b":{"b":1}}', null],
    ['[{"a":1,"a":2}]', null],
  ])('%s', (text, problem) => expect(problemOf(text)).toBe(problem))

  it.each([
    ['{"x":{"a":1,"a":2}}', true],
    ['{"x":[[{"b":{"a":1,"\\u0061":2}}]]}', true],
    ['{"x":[{"a":1},{"a":2}]}', false],
    ['{"x":{"a":{"a":{"a":1}}}}', false],
  ])('within a value is told: %s', (text, repeats) => {
    const scanned = scan(Buffer.from(text))
    expect('members' in scanned && scanned.members?.[0]?.repeats).toBe(repeats)
  })
})

describe('the shape of a line', () => {
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
  const wide = (keys: number): string => `{${Array.from({ length: keys }, (_, i) => `"${i}":0`)}}`

  it.each([
    ['levels at the limit', nested(MOST_LEVELS), null],
    ['a level too many', nested(MOST_LEVELS + 1), 'too_deep'],
    ['keys at the limit', wide(MOST_KEYS), null],
    ['a key too many', wide(MOST_KEYS + 1), 'too_many_keys'],
    ['a key too many together with those around', `{"x":${wide(MOST_KEYS)}}`, 'too_many_keys'],
    ['many objects of some keys', `[${Array.from({ length: 100 }, () => wide(100))}]`, null],
  ])('%s', (_what, text, problem) => expect(problemOf(text)).toBe(problem))
})
