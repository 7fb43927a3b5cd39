import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PageFacts, unwrapPages } from '../../src/landing/pages.js'
import { type Exact, exact } from '../support/exact.js'
import { byteByByte, cutAt, failure, joined } from './support.js'

const EVENT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"}'

async function unwrapped(text: string, chunks = cutAt(text, [])): Promise<{ text: string } & PageFacts> {
  const facts: PageFacts = { isPage: false, moreFollow: false }
  const bytes = await joined(unwrapPages(chunks, facts))
  return { text: bytes.toString(), ...facts }
}

const eventsIn = (text: string): Exact[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(exact)

const pages: readonly (readonly [string, string, readonly string[]])[] = [
  ['compact', `{"audit_logs":[${EVENT},${EVENT}],"count":2,"next_cursor":null}`, [EVENT, EVENT]],
  ['of no events', '{"audit_logs":[],"count":0,"next_cursor":null}', []],
  ['of no events, spread', '{ "audit_logs" : [ \n ] , "count" : 0 }\n', []],
  ['without a count', `{"audit_logs":[${EVENT}]}`, [EVENT]],
  ['with its events last', `{"count":1,"next_cursor":"x]}{","range_start_time":"a","audit_logs":[${EVENT}]}`, [EVENT]],
  ['with its events between', `{"count":1,"audit_logs":[${EVENT}],"next_cursor":null}`, [EVENT]],
  ['with other lists before', `{"x":[[1],{"audit_logs":[2]}],"audit_logs":[${EVENT}],"y":[3]}`, [EVENT]],
  [
    'whose events hold brackets',
    '{"audit_logs":[{"a":"]},{\\"["},{"b":[[{}]],"c":"\\\\"}]}',
    ['{"a":"]},{\\"["}', '{"b":[[{}]],"c":"\\\\"}'],
  ],
  ['whose events are none', '{"audit_logs":[1,"s",null,[2]],"count":4}', ['1', '"s"', 'null', '[2]']],
  [
    'with long numbers',
    '{"audit_logs":[{"a":12345678901234567890.12345678901234567890,"b":1e400}]}',
    ['{"a":12345678901234567890.12345678901234567890,"b":1e400}'],
  ],
  [
    'whose event has an unknown key audit_logs',
    '{"audit_logs":[{"audit_logs":[{"x":1}]}]}',
    ['{"audit_logs":[{"x":1}]}'],
  ],
  [
    'pretty-printed',
    JSON.stringify({ count: 2, audit_logs: [JSON.parse(EVENT), { a: { b: [1, 2] } }] }, null, 2),
    [EVENT, '{"a":{"b":[1,2]}}'],
  ],
  [
    'with carriage returns',
    JSON.stringify({ audit_logs: [JSON.parse(EVENT)] }, null, '\t').replaceAll('\n', '\r\n'),
    [EVENT],
  ],
  [
    'and another',
    `{"audit_logs":[${EVENT}],"next_cursor":"2"}\n\n {"audit_logs":[${EVENT}],"next_cursor":null}\n`,
    [EVENT, EVENT],
  ],
  ['with null for a list of nothing', '{"audit_logs":null,"count":0,"next_cursor":null}\n', []],
  ['and another at once', `{"audit_logs":[${EVENT}]}{"audit_logs":[${EVENT}]}`, [EVENT, EVENT]],
  ['and lines', `{"audit_logs":[${EVENT}]}\n${EVENT}\nnot JSON`.replace('\nnot JSON', ''), [EVENT, EVENT]],
]

describe('a page', () => {
  it.each(pages)('%s becomes lines', async (_what, text, events) => {
    const whole = await unwrapped(text)
    expect(eventsIn(whole.text)).toEqual(events.map(exact))
    expect(whole.isPage).toBe(true)
    expect(await unwrapped(text, byteByByte(text))).toEqual(whole)
  })

  it('says whether another one follows', async () => {
    expect(await unwrapped('{"audit_logs":[],"next_cursor":"abc"}')).toMatchObject({ moreFollow: true })
    expect(await unwrapped('{"audit_logs":[],"next_cursor":null}')).toMatchObject({ moreFollow: false })
    expect(await unwrapped('{"audit_logs":[],"next_cursor":"abc"}{"audit_logs":[]}')).toMatchObject({
      moreFollow: false,
    })
  })

  it.each([
    ['fewer events than it states', `{"audit_logs":[${EVENT}],"count":2}`],
    ['null for the events it states', '{"audit_logs":null,"count":2}'],
    ['more events than it states', `{"count":0,"audit_logs":[${EVENT}]}`],
    ['text that is no JSON behind its events', '{"audit_logs":[],"count":}'],
    ['more than a page has', `{"audit_logs":[],"x":"${'y'.repeat(70_000)}"}`],
    ['an event itself', `{"audit_logs":[],"action":"user:login"}`],
  ])('with %s is not loaded', async (_what, text) => {
    const error = await failure(unwrapped(text))
    expect(error.message).toContain('none of it was loaded')
    expect((await failure(unwrapped(text, byteByByte(text)))).message).toBe(error.message)
  })

  it('cut anywhere within its events or behind them is not loaded', async () => {
    const text = `{"audit_logs":[${EVENT},{"a":"]}"}],"count":2,"next_cursor":null}`
    for (let end = '{"audit_logs":['.length; end < text.length; end++)
      expect((await failure(unwrapped(text.slice(0, end)))).message).toContain('breaks off')
  })

  it('whose string holds a bare line end keeps it from being read as another string', async () => {
    const { text } = await unwrapped('{"audit_logs":[{"a":"x\ny"}],"count":1}')
    expect(text.split('\n').filter((line) => line !== '')).toHaveLength(1)
    expect(() => JSON.parse(text)).toThrow()
  })

  it('of any events, in any layout and any chunks, gives them back', async () => {
    const event = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(event, { maxLength: 4 }), { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', '  ', '\t'),
        fc.array(fc.nat()),
        async (contents, space, places) => {
          const text = contents
            .map((events) =>
              JSON.stringify({ count: events.length, audit_logs: events, next_cursor: null }, null, space),
            )
            .join('\n')
          const lines = eventsIn((await unwrapped(text, cutAt(text, places))).text)
          expect(lines).toEqual(contents.flat().map((each) => exact(JSON.stringify(each))))
        },
      ),
    )
  })
})

describe('what is no page', () => {
  const others: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['white space', ' \r\n\t\n'],
    ['lines', `${EVENT}\n${EVENT}\n`],
    ['a line without an end', EVENT],
    ['text', 'hello\nworld'],
    ['HTML', '<html></html>'],
    ['an array', `[${EVENT}]`],
    ['an event with an unknown key audit_logs', '{"timestamp":"2026-10-01T12:34:56Z","audit_logs":[{"x":1}]}'],
    ['such an event, the key last of all', '{"action":"a","audit_logs":[]}\n{"action":"b"}'],
    ['an object of objects', '{"a":{"audit_logs":[{"x":1}]}}'],
    ['audit_logs that is no list', '{"audit_logs":{"x":1}}'],
    ['an object that breaks off', '{"audit_lo'],
    ['an error', '{"error":"invalid cursor"}'],
    ['a very long first line', `{"x":"${'y'.repeat(200_000)}","audit_logs":[1]}\n${EVENT}`],
  ]

  it.each(others)('%s passes untouched', async (_what, text) => {
    expect(await unwrapped(text)).toEqual({ text, isPage: false, moreFollow: false })
    if (text.length < 1000) expect((await unwrapped(text, byteByByte(text))).text).toBe(text)
  })

  it('white space without end needs no memory and is no page', async () => {
    async function* blanks(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 64; i++) yield Buffer.alloc(1 << 20, 0x20)
    }
    const before = process.memoryUsage().heapUsed
    let bytes = 0
    for await (const chunk of unwrapPages(blanks(), { isPage: false, moreFollow: false })) bytes += chunk.length
    expect(bytes).toBe(64 << 20)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6)
  })
})
