import { beforeAll, describe, expect, it } from 'vitest'
import { batchOf, documentOf, ndjson, newEngine } from '../support/load.js'

const BASE = '"timestamp":"2026-10-01T12:34:56Z","action":"user:login"'

/** Members of a line, and what `extra` holds of it. */
const LINES: readonly (readonly [what: string, members: string, extra: string])[] = [
  [
    'in an object',
    '"grant":{"role":"viewer", "role":"admin"}',
    '{"text:grant":"{\\"role\\":\\"viewer\\", \\"role\\":\\"admin\\"}"}',
  ],
  ['deep within', '"x":[{"y":{"a":1,"a":1}}]', '{"text:x":"[{\\"y\\":{\\"a\\":1,\\"a\\":1}}]"}'],
  ['written in two ways', '"x":{"a":1,"\\u0061":2}', '{"text:x":"{\\"a\\":1,\\"\\\\u0061\\":2}"}'],
  ['with spaces before the colon', '"x":{"a" :1,"a":2}', '{"text:x":"{\\"a\\" :1,\\"a\\":2}"}'],
  ['that begins with a colon', '"v":"w", "x":{":k":1 ,":k":2}', '{"text:x":"{\\":k\\":1 ,\\":k\\":2}","v":"w"}'],
  ['that is empty', '"x":{"":1,"":2}', '{"text:x":"{\\"\\":1,\\"\\":2}"}'],
  ['of an id, which still ends like one', '"run_id":{"a":1,"a":2}', '{"text:run_id":"{\\"a\\":1,\\"a\\":2}"}'],
  ['beside a key of that name', '"text:x":0,"x":{"a":1,"a":2}', '{"text:text:x":"{\\"a\\":1,\\"a\\":2}","text:x":0}'],
]

/** The same key, but never twice in one object. */
const HARMLESS = [
  '{"x":{"action":1},"y":{"action":{"action":2}}}',
  '{"x":[{"a":1},{"a":1}]}',
  '{"x":"{\\"a\\":1,\\"a\\":2}"}',
  '{"x":"{a,\\":","y":{"z":1}}',
]

let extras: readonly string[]

beforeAll(async () => {
  const engine = await newEngine()
  const lines = [
    ...LINES.map(([, members]) => `{${BASE},${members}}`),
    ...HARMLESS.map((text) => `{${BASE},${text.slice(1)}`),
  ]
  await batchOf(engine, [documentOf('a', ndjson(...lines))])
  const rows = await engine.rows('SELECT CAST(extra AS VARCHAR) AS extra FROM events ORDER BY source_line')
  extras = rows.map(({ extra }) => String(extra))
})

describe('a key that stands twice within an unknown value: the value is kept as its text, so all readers read the same,', () => {
  it.each(LINES.map(([what, , extra], i) => ({ what, extra, i })))('$what', ({ extra, i }) =>
    expect(extras[i]).toBe(extra),
  )
})

describe('a value stays as it is whose keys stand once each', () => {
  it.each(HARMLESS.map((extra, i) => ({ extra, i })))('$extra', ({ extra, i }) => {
    expect(extras[LINES.length + i]).toBe(extra)
  })
})
