/** Which values of extra may stand in a sink beside what the archive says. */

import { describe, expect, it } from 'vitest'
import { extraAllowed } from '../../src/verify/allowed.js'

const allowed = (held: string, expected: string, kept: 'text' | 'parsed' | 'rounded', ...others: readonly string[]) =>
  extraAllowed(held, expected, others.join('\n'), kept)

describe('an extra', () => {
  it('may have its keys in any order, at any depth', () => {
    expect(allowed('{"b":[{"y":1,"x":2}],"a":1}', '{"a":1,"b":[{"x":2,"y":1}]}', 'text')).toBe(true)
    expect(allowed('{"a":[1,2]}', '{"a":[2,1]}', 'text')).toBe(false)
  })

  it('may have a text of megabytes, and many keys', () => {
    const text = 'a'.repeat(9_000_000)
    expect(allowed(`{"b":1,"a":"${text}"}`, `{"a":"${text}","b":1}`, 'text')).toBe(true)
    const members = Array.from({ length: 50_000 }, (_, i) => `"${i}":${i}`)
    const [one, other] = [members, members.toReversed()].map((each) => `{"a":{${each.join(',')}}}`)
    expect(allowed(String(one), String(other), 'parsed')).toBe(true)
  })

  it('may have, for each key, the value of another reading, and no key that is not expected', () => {
    expect(allowed('{"a":2,"b":1}', '{"a":1,"b":1}', 'text', '{"a":2}', '{"b":3}')).toBe(true)
    expect(allowed('{"a":4,"b":1}', '{"a":1,"b":1}', 'text', '{"a":2}', '{"b":4}')).toBe(false)
    expect(allowed('{"a":1,"c":1}', '{"a":1}', 'text', '{"c":1}')).toBe(false)
    expect(allowed('{}', '{"a":1}', 'text', '{}')).toBe(false)
  })

  it('has each key once: readers take the first or the last', () => {
    for (const kept of ['text', 'parsed', 'rounded'] as const) {
      expect(allowed('{"a":2,"a":1}', '{"a":1}', kept)).toBe(false)
      expect(allowed('{"a":1,"a":2}', '{"a":1}', kept)).toBe(false)
    }
  })

  it.each(['', '[]', '"x"', '1', '{', '{"a"', 'null', '{"a":1}}', '[{"a":1}', '{"a":1 " }'])('is not %s', (held) => {
    expect(allowed(held, '{"a":1}', 'text')).toBe(false)
  })

  it('is none where none is expected', () => {
    for (const held of ['[]', '{}', 'null', '""']) expect(allowed(held, '', 'parsed')).toBe(false)
    expect(allowed('', '', 'text')).toBe(true)
  })

  it('keeps its spelling where a sink keeps the text, and may lose it where a sink parses it', () => {
    expect(allowed('{"a":"ü"}', '{"a":"\\u00fc"}', 'parsed')).toBe(true)
    expect(allowed('{"a":{"k":1}}', '{"a":{"k":1,"k":2}}', 'parsed')).toBe(true)
    expect(allowed('{"a":{"k":2}}', '{"a":{"k":1,"k":2}}', 'parsed')).toBe(true)
    expect(allowed('{"a":{"k":3}}', '{"a":{"k":1,"k":2}}', 'parsed')).toBe(false)
    expect(allowed('{"a":{"k":1}}', '{"a":{"k":1,"k":2}}', 'text')).toBe(false)
  })

  it('keeps its digits, but for those that a double cannot hold in a sink that rounds', () => {
    expect(allowed('{"a":1.5}', '{"a":1.50}', 'rounded')).toBe(true)
    expect(allowed('{"a":1.5}', '{"a":1.50}', 'parsed')).toBe(false)
    expect(allowed('{"a":123456789012345678}', '{"a":123456789012345679}', 'rounded')).toBe(false)
    expect(allowed('{"a":1e30}', `{"a":1${'0'.repeat(30)}}`, 'rounded')).toBe(true)
  })

  it('that a sink could not parse is there as a text', () => {
    expect(allowed(JSON.stringify('{"a":1}'), '{"a":1}', 'parsed')).toBe(true)
    expect(allowed(JSON.stringify('{"a":2}'), '{"a":1}', 'parsed')).toBe(false)
    expect(allowed(JSON.stringify('{"a":1}'), '{"a":1}', 'text')).toBe(false)
  })
})
