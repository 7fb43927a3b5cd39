import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RECORD_FIELDS } from '../../schemas/tables.js'
import { members } from '../../src/transform/extras.js'
import { inspect } from '../../src/transform/line-by-line.js'
import { objectOf } from '../../src/transform/members.js'
import { inMemory } from '../../src/transform/raw.js'
import { readEvents } from '../../src/transform/read.js'
import { newEngine, newFolder } from '../support/load.js'

/** What the engine would rewrite or accept, values that look like it, and ordinary ones. */
const VALUES = [
  ...['0', '-0', '7', '-5', '1.50', '1e3', '1E5', '1e400', '123456789012345678901234567890', 'true', 'false', 'null'],
  ...['nan', '-inf', 'iNfinity', '[]', '[1.0]', '{}', '{"a":-0}', '{"a":1,"a":2}', '""', '"5"', '"-0"', '"0.17"'],
  ...['"10.0.0.1"', '"a,1.5"', '"true"', '"nan"', '"[x"', '"{"', '"a b"', '"ü"', '"\\u0061"', '"\\""', '"\\u0001"'],
]
const TYPED = ['timestamp', 'response_code']
const OTHERS = RECORD_FIELDS.filter((field) => !TYPED.includes(field))
const KEYS = [...OTHERS, 'response_code', '', 'x', 'run_id', 'act\\u0069on'].map((key) => `"${key}"`)
const TIMES = ['"2026-10-01T12:34:56Z"', '"2026-10-01T12:34:56.50Z"', '"2026-02-30T00:00:00Z"', '20261001', '"2026"']

const usually = <T>(common: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(common) }, fc.constantFrom(...others))

/** Anything may be missing by as much as something else is too long. */
const lines = fc
  .record({
    time: usually(...(TIMES as [string, ...string[]])),
    action: usually('"run:stop"', 'true', '1', '"1.0"', '{}'),
    members: fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES)), { maxLength: 14 }),
    colon: usually(':', ' :', ': ', ':\t'),
    comma: usually(',', ', ', ',,'),
    end: usually('}', ' }', ',}', ''),
  })
  .map(({ time, action, members: more, colon, comma, end }) => {
    const all = [['"timestamp"', time], ['"action"', action], ...more]
    return `{${all.map(([key, value]) => `${key}${colon}${value}`).join(comma)}${end}`
  })

/** What is unquoted is as much shorter as the member at the end is long. */
const HIDDEN = ['true', '12', '[]', 'nan', '{}'].map(
  (value) => `{"timestamp":"2026-10-01T12:34:56Z","action":${value},"actor_ip":${value},"cli_version":${value},"x":1}`,
)

it('a line that the bulk path reads by itself has the values that the line-by-line reader finds', async () => {
  const engine = await newEngine()
  const path = join(newFolder(), '00000000')
  const made = [...HIDDEN, ...fc.sample(lines, { seed: 20261126, numRuns: 20_000 })]
  writeFileSync(path, made.map((line) => `${line}\n`).join(''))
  await engine.run(`CREATE TABLE staged_lines AS ${readEvents([path], 32 << 20)}`)
  const rows = await engine.rows('SELECT *, rowid AS line FROM staged_lines ORDER BY rowid')
  expect(rows.length).toBe(made.length)
  let bulk = 0
  for (const [i, row] of rows.entries()) {
    if (row.slow === true) continue
    bulk++
    const line = made[i] ?? ''
    const outcome = inspect(inMemory(Buffer.from(line)))
    if (!('record' in outcome)) throw new Error(`not an event: ${line}`)
    const { texts, unknown, ids } = outcome.record
    const extra = members(String(row.extra ?? '{}')).filter(([key]) => !TYPED.includes(key))
    expect([
      line,
      OTHERS.map((field) => row[field]),
      extra.length === 0 ? null : objectOf(extra),
      row.ids ?? '',
    ]).toEqual([line, OTHERS.map((field) => texts[RECORD_FIELDS.indexOf(field)] ?? null), unknown, ids])
  }
  expect(bulk).toBeGreaterThan(1000)
})
