/** Which texts mention an erased person, and that no text makes the search long. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressesIn } from '../../src/privacy/addresses.js'
import { erasureId, parsePerson } from '../../src/privacy/persons.js'
import { NO_PRIVACY, shownBy } from '../../src/privacy/shown.js'
import { KEY } from './support.js'

const ADA = 'ada@example.com'
const shownWithout = (...persons: string[]) =>
  shownBy({ ...NO_PRIVACY, key: KEY, erased: new Set(persons.map((each) => erasureId(KEY, parsePerson(each)))) })
const { mentionsErased, extra } = shownWithout(ADA)

/** Quadratic time for so many takes minutes. */
const MANY = 200_000

describe('an erased address is found', () => {
  it.each([
    'https://x/?email=ada@example.com&next=1',
    '/users/ada@example.com',
    'https://x/ada@example.com/',
    'ada@example.com?subject=x',
    'mailto:ada@example.com#x',
    'x#ada@example.com',
    '1&ada@example.com',
    '*ada@example.com*',
    '_ada@example.com_',
    "'ada@example.com'",
    '“ada@example.com”',
    '«ada@example.com»',
    '–ada@example.com–',
    'by ada@example.com.',
    'ada@example.com...',
    'ada@example.com。',
    '连接者ada@example.com连接',
    'ADA@Example.COM',
    'ａｄａ＠example.com',
    'a\u200bda@exam\u00adple.com',
    'of\u200bada@example.com\u200band more',
    'grace@example.com,ada@example.com',
    'grace@ada@example.com@x',
  ])('in %s', (text) => {
    expect(mentionsErased(text)).toBe(true)
    expect(extra(JSON.stringify({ x: [text], [text]: 1 }))).toBe('{"x":["erased"]}')
  })

  it.each([
    'ada%40example.com',
    '?q=hi%20ada%40example%2Ecom%20x',
    'x%3D%61da%2540example.com',
    String.raw`{"m":"hi\nada@example.com\nhi"`,
    String.raw`{"m":"hi\tada@example.com\r"`,
    String.raw`{"m":"http:\/\/x\/ada@example.com\/"`,
    String.raw`{"m":"\u0061da\u0040example.com"`,
    String.raw`{"m":"{\"n\":\"hi\\nada@example.com\"}"`,
    String.raw`{"m":"{\"n\":\"\\u0061d\\u0061@example.com\"}"`,
  ])('written as %s', (text) => {
    expect(mentionsErased(text)).toBe(true)
  })

  it('beside bytes that are not UTF-8, which are kept in base64', () => {
    const bytes = Buffer.concat([Buffer.of(0xe9), Buffer.from(ADA), Buffer.of(0xe9)])
    expect(mentionsErased(bytes.toString('base64'))).toBe(true)
  })

  it('whatever its characters are', () => {
    const persons = [
      "o'brien+x%y@sub.example.co.uk",
      'd.é_f-g@exämple.com',
      'h@my_host',
      '_i_@example.com',
      '100%25@x.com',
    ]
    const found = shownWithout(...persons)
    for (const person of persons)
      for (const text of [person, `of ${person}, again`]) expect(found.mentionsErased(text)).toBe(true)
  })

  it('anywhere in a long text, with each character an escape', () => {
    const escaped = [...ADA].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
    for (const text of [ADA, escaped]) {
      for (let before = 12_200; before < 12_400; before++)
        expect(mentionsErased(`${'x'.repeat(before)} ${text} ${'x'.repeat(5000)}`), String(before)).toBe(true)
    }
  })
})

describe('an address is not taken for another', () => {
  it.each([
    'xada@example.com',
    'ada@example.com.au',
    'ada@example.community',
    'ada@example',
    'ada @example.com',
    'éada@example.com',
  ])('%s', (text) => {
    expect(mentionsErased(text)).toBe(false)
    // Wherever the text is cut in pieces.
    for (let before = 12_270; before < 12_300; before++)
      expect(mentionsErased(`${' '.repeat(before)}${text} ${' '.repeat(5000)}`), String(before)).toBe(false)
    for (let before = 16_360; before < 16_390; before++)
      expect(mentionsErased(`${' '.repeat(before)}${text} ${' '.repeat(5000)}`), String(before)).toBe(false)
  })
})

describe('the search', () => {
  it.each([
    ['@ ', 'a'],
    ['@', '\u0301\u0316'],
    ['a@', '.'],
    ['a@a', '-a'],
    ['', 'a@'],
    ['@', '\\'],
    ['@', '%'],
    ['@', '\\u'],
    ['@', '\\n'],
    ['@', '%40'],
    ['@', ' '],
    ['@', '\u200b'],
  ])('ends, in %j and many %j', (begin, repeated) => {
    const text = begin + repeated.repeat(MANY / repeated.length)
    expect(mentionsErased(`${text} x`)).toBe(false)
    expect(mentionsErased(`${text} ${ADA}`)).toBe(true)
  })

  it('ends where many combining marks are to be ordered', () => {
    const marks = '\u0301'.repeat(MANY) + '\u0316'.repeat(MANY)
    expect(mentionsErased(`@${marks} ${ADA}`)).toBe(true)
  })

  it('tries no more parts of a text than it has characters', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '-', '.', '@', ' ', '_', 'é', '=')), (parts) => {
        const text = parts.join('')
        expect([...addressesIn(text)].length).toBeLessThanOrEqual(3 * text.length)
      }),
    )
    expect([...addressesIn(`${'a-'.repeat(50_000)}@example.com`)].length).toBeLessThan(200)
    expect([...addressesIn('@'.repeat(50_000))]).toEqual([])
  })
})

describe('an extra', () => {
  it.each(['a', '\\n'])('of megabytes of %s is kept', (repeated) => {
    const json = `{"x":"${repeated.repeat(9_000_000 / repeated.length)}"}`
    expect(extra(json) === json).toBe(true)
  })

  it('loses the erased text alone', () => {
    expect(extra(String.raw`{"a":"\"","b":"\\","c":["ada@example.com","\\\""],"d":{"ada@example.com":1}}`)).toBe(
      String.raw`{"a":"\"","b":"\\","c":["erased","\\\""],"d":{"erased":1}}`,
    )
  })
})
