import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Output, Page, PageError } from '../../src/pages/page.js'

/** Reads a text in small chunks, as far as it is a page. */
function read(text: string, chunkBytes = 7) {
  const page = new Page()
  const bytes = Buffer.from(text)
  let events = ''
  for (let i = 0; i < bytes.length; i += chunkBytes) {
    const chunk = bytes.subarray(i, i + chunkBytes)
    const output = new Output(chunk)
    const { state } = page.push(chunk, output)
    events += Buffer.from(output.bytes()).toString('latin1')
    if (state !== 'reading') return { page, state, events }
  }
  return { page, state: 'reading' as const, events }
}

describe('a page', () => {
  test('tells its next cursor wherever that stands, and whatever its events hold', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), { maxLength: 5 }),
        fc.option(fc.string({ minLength: 1 })),
        fc.shuffledSubarray(['audit_logs', 'count', 'next_cursor', 'range_start_time'], { minLength: 4 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (events, cursor, order, chunkBytes, pretty) => {
          const all = { audit_logs: events, count: events.length, next_cursor: cursor, range_start_time: '}],"' }
          const members = Object.fromEntries(order.map((key) => [key, all[key as keyof typeof all]]))
          const text = JSON.stringify(members, null, pretty ? 2 : 0)
          const whole = read(text, chunkBytes)
          expect({ state: whole.state, cursor: whole.page.nextCursor }).toEqual({ state: 'done', cursor })
          const cut = read(text.slice(0, -1), chunkBytes)
          expect({ state: cut.state, begun: cut.page.begun }).toEqual({ state: 'reading', begun: true })
        },
      ),
    )
  })

  test('has no next page where its cursor is an empty text', () => {
    expect(read('{"audit_logs":[],"next_cursor":""}').page.nextCursor).toBeNull()
  })

  test.each([
    ['two lists of events', '{"audit_logs":[{"a":1}],"audit_logs":[{"b":2}],"count":1}', /two lists/],
    ['a cursor that is no text', '{"audit_logs":[],"next_cursor":5}', /not a text/],
    ['another number of events than it states', '{"audit_logs":[{},{}],"count":3}', /states 3 events and holds 2/],
  ])('with %s is damaged', (_what, text, message) => {
    expect(() => read(text)).toThrow(PageError)
    expect(() => read(text)).toThrow(message)
  })
})

test.each([
  ['an event', '{"timestamp":"2026-03-01T00:00:00Z","action":"user:read"}'],
  ['an error', '{"error":{"audit_logs":[]}}'],
  ['an object whose events are no list', '{"audit_logs":{},"next_cursor":null}'],
  ['a list', '[{"audit_logs":[]}]'],
])('%s is no page', (_what, text) => {
  expect(read(text).state).toBe('not a page')
})
