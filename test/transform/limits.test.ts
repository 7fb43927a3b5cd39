import { beforeAll, describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import type { Sink } from '../../src/contract.js'
import { withIdentityText } from '../../src/transform/identity.js'
import { asKept, contentHash, type ExactRecord, exact } from '../support/exact.js'
import { countsOf, documentOf, loadInto, newFolder } from '../support/load.js'
import { type RowObject, rebuild, rowsOf } from '../support/rows.js'

const BASE = '"timestamp":"2026-10-01T12:34:56Z","action":"user:login"'
/** Each another event. */
const base = (user: number): string => `${BASE},"user_asset":${user}`
const MIB = 1 << 20

const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`
const objects = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

/** Lines at the limits of a column, of the bulk path, and of what is parsed at all. */
const EVENTS: Readonly<Record<string, string>> = {
  'a value of 65,535 bytes': `{${base(1)},"actor_ip":"${'x'.repeat(65_535)}"}`,
  'a value of 65,536 bytes': `{${base(2)},"actor_ip":"${'x'.repeat(65_536)}"}`,
  'a value of fewer characters than bytes': `{${base(3)},"project_name":"${'é'.repeat(40_000)}"}`,
  'a name of 65,536 bytes': `{${base(4)},"report_name":"${'y'.repeat(65_536)}","run_asset":7}`,
  'an action of 70,000 bytes': `{"timestamp":"2026-10-01T12:34:56.000000001Z","action":"${'💡'.repeat(17_500)}"}`,
  'many values of 65,535 bytes': `{${base(5)},${Array.from({ length: 20 }, (_, i) => `"k${i}":"${'z'.repeat(65_535)}"`)}}`,
  'a line of 2 MiB': `{${base(6)},"x":"${'x'.repeat(2 * MIB)}","actor_user_id":12345678901234567890}`,
  'a line of 15 MiB': `{${base(7)},"x":"${'x'.repeat(15 * MIB)}"}`,
  '1,000 unknown keys': `{${base(11)},${Array.from({ length: 1000 }, (_, i) => `"key ${i}":${i}`)}}`,
}

/** Deeper than this language's own functions go: what is kept is compared as text. */
const DEEP = {
  lists: { line: `{${base(20)},"x":${nested(999)}}`, column: 'extra', text: `{"x":${nested(999)}}` },
  objects: { line: `{${base(21)},"x":${objects(999)}}`, column: 'extra', text: `{"x":${objects(999)}}` },
  'lists in a documented key': {
    line: `{${base(22)},"actor_ip":${nested(999)}}`,
    column: 'actor_ip',
    text: nested(999),
  },
}

const TOO_LONG = `{${BASE},"x":"${'x'.repeat(20 * MIB)}"}`
const TOO_DEEP = `{${BASE},"x":${nested(1000)}}`
const TOO_WIDE = `{${BASE},${Array.from({ length: 2000 }, (_, i) => `"key ${i}":${i}`)}}`
const NOT_CLOSED = nested(600_000).slice(0, -1)

let sink: Sink
let rows: ReadonlyMap<number, RowObject>

beforeAll(async () => {
  sink = duckdbSink(`${newFolder()}/audit.duckdb`, { waitMs: 1000, onWait() {} })
  const deep = Object.values(DEEP).map(({ line }) => line)
  const bad = [TOO_LONG, NOT_CLOSED, TOO_DEEP, TOO_WIDE]
  const lines = [...Object.values(EVENTS), ...deep, ...bad]
  expect(countsOf(await loadInto(sink, { document: lines.join('\n') }))).toEqual([lines.length - 4, 0, 0, 4])
  const found = await rowsOf(
    sink,
    `SELECT * EXCLUDE (identity), sha256(identity) AS recomputed FROM (${withIdentityText('audit_events')})`,
  )
  rows = new Map(found.map((row) => [Number(row.source_line), row]))
})

describe('an event is kept whole that has', () => {
  it.each(Object.entries(EVENTS).map(([what, line], i) => ({ what, line, i })))('$what', ({ line, i }) => {
    const row = rows.get(i + 1) ?? {}
    const record = exact(line) as ExactRecord
    expect(rebuild(row)).toEqual(asKept(record))
    expect(row.content_hash).toBe(contentHash(record))
    expect(row.recomputed).toBe(contentHash(record))
    for (const [column, value] of Object.entries(row))
      if (column !== 'extra') expect(Buffer.byteLength(String(value))).toBeLessThanOrEqual(65_535)
  })
})

describe('an event is kept whole that nests 1,000 levels of', () => {
  it.each(Object.entries(DEEP).map(([what, event], i) => ({ what, ...event, i })))('$what', ({ column, text, i }) => {
    const row = rows.get(Object.keys(EVENTS).length + i + 1)
    expect(row?.[column] === text).toBe(true)
    expect(row?.recomputed).toBe(row?.content_hash)
  })
})

describe('a line is a reject, and the sink has the beginning of it,', () => {
  it.each([
    ['that is longer than 16 MiB', 'line_too_long', TOO_LONG],
    ['that nests 600,000 levels deep', 'too_deep', NOT_CLOSED],
    ['that nests 1,001 levels deep', 'too_deep', TOO_DEEP],
    ['with an object of 2,000 unknown keys', 'too_many_keys', TOO_WIDE],
  ])('%s', async (_what, reason, line) => {
    const found = await rowsOf(sink, `SELECT raw FROM audit_rejects WHERE reason = '${reason}'`)
    expect(found.map(({ raw }) => String(raw).length > 1000 && line.startsWith(String(raw)))).toContain(true)
  })
})

describe('a document', () => {
  it('with carriage returns or a byte order mark has the events of one without', async () => {
    const lines = Object.values(EVENTS).slice(0, 3)
    const variants = [lines.join('\r\n'), `\ufeff${lines.join('\n')}\n`, `\r\n\r\n${lines.join('\r\n \r\n')}\r\n`]
    const input = variants.map((content, i) => documentOf(`variant ${i}`, content))
    expect(countsOf(await loadInto(sink, input))).toEqual([0, 0, 9, 0])
  })
})
