import { expect, it } from 'vitest'
import { headingLine, keyOf, parseHeading } from '../../src/archive/format.js'
import { AuditError } from '../../src/errors.js'

const HEADING = {
  ...{ source: 's3://logs', document: 's3://logs/a', version: 'v1', range: null, ndjson: false, order: 0 },
  readAt: new Date('2026-10-01T00:00:00Z'),
}

it('a heading is read back as it was written', () => {
  expect(parseHeading(headingLine(HEADING))).toEqual(HEADING)
})

it.each([
  ['no JSON', '{'],
  ['null', 'null'],
  ['a source that fits in no key', headingLine({ ...HEADING, source: '\ud800' })],
  ['a time that is none', headingLine(HEADING).replace('2026-10-01', '2026-99-01')],
])('a heading that is %s is damaged, and nothing worse', (_, line) => {
  expect(() => parseHeading(line)).toThrow(AuditError)
})

it('the key changes with whatever decides how a document is read', () => {
  const keys = [HEADING, { ...HEADING, ndjson: true }, { ...HEADING, version: 'v2' }, { ...HEADING, source: 's3://x' }]
  const day = { from: new Date('2026-10-01T00:00:00Z'), to: new Date('2026-10-02T00:00:00Z') }
  const all = [...keys, { ...HEADING, range: day }, { ...HEADING, range: { ...day, to: null } }]
  expect(new Set(all.map((heading) => keyOf(heading, 'ab'))).size).toBe(all.length)
})
