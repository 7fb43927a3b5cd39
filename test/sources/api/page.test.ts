import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PageReader } from '../../../src/sources/api/page.js'

function read(text: string, chunkBytes = 7): PageReader {
  const reader = new PageReader()
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i += chunkBytes) reader.push(bytes.subarray(i, i + chunkBytes))
  return reader
}

const page = (members: object): string => JSON.stringify(members)

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
          expect(read(text, chunkBytes).facts()).toEqual({ isPage: true, cursor, miscounted: false })
          expect(read(text.slice(0, -1), chunkBytes).facts()).toBeNull()
        },
      ),
    )
  })

  test('tells when it holds another number of events than it states', () => {
    expect(read(page({ audit_logs: [{}, {}], count: 3, next_cursor: null })).facts()?.miscounted).toBe(true)
    expect(read(page({ audit_logs: [], count: 0 })).facts()?.miscounted).toBe(false)
  })

  test('may have null for a list of nothing, as servers in Go write it', () => {
    const facts = { isPage: true, cursor: null, miscounted: false }
    expect(read(page({ audit_logs: null, count: 0, next_cursor: null })).facts()).toEqual(facts)
    expect(read(page({ audit_logs: null, count: 1, next_cursor: null })).facts()?.miscounted).toBe(true)
  })
})

describe('no page is', () => {
  test.each([
    ['an event', '{"timestamp":"2026-03-01T00:00:00Z","action":"user:read"}'],
    ['an error', '{"error":{"audit_logs":[]}}'],
    ['a page whose events are no list', '{"audit_logs":{},"next_cursor":null}'],
  ])('%s', (_, text) => expect(read(text).facts()?.isPage).toBe(false))

  test.each([
    ['lines of events', '{"action":"a"}\n{"action":"b"}\n', 'other'],
    ['nothing', ' \n', 'nothing'],
    ['a list', '[{"audit_logs":[]}]', 'other'],
    ['one that breaks off', '{"audit_logs":[{"a":1}', 'inside'],
  ])('%s', (_, text, state) => {
    expect(read(text).state).toBe(state)
    expect(read(text).facts()).toBeNull()
  })
})
