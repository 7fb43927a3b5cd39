/** The same documents end in the same events and rejects as in the DuckDB sink, to the last character. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AUDIT_EVENTS } from '../../../schemas/tables.js'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink } from '../../../src/contract.js'
import { madeDay, withoutNames } from '../../../src/demo/made-logs.js'
import { documentOf, type Input, loadInto, ndjson, newFolder } from '../../support/load.js'
import { documents, expected } from '../../support/model.js'
import { eventsOf, type RowObject, rebuild, rowsOf } from '../../support/rows.js'
import { newSchema, newSink, standIns } from './support.js'

const on = standIns()

const AT = '2026-10-01T12:34:56Z'
const LONG = 'ü💡"\\'.repeat(20_000)

/** Events of one day of October, names and all. */
const day = (number: number) => [...madeDay(1, Date.UTC(2026, 9, number), 300)]

const newDuckdb = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1000, onWait() {} })

/** Events by hash: what was read, and where. */
async function readBack(sink: Sink, exactExtra: (row: RowObject) => Promise<RowObject>) {
  const events = []
  for (const row of await eventsOf(sink)) {
    const { content_hash, source_document, source_line } = row
    events.push([content_hash, source_document, Number(source_line), rebuild(await exactExtra(row))])
  }
  const rejects = []
  let line = Buffer.alloc(0)
  for (const { reason, raw, more } of await rowsOf(sink, sink.questions.rawRejects)) {
    line = Buffer.concat([line, Buffer.from(String(raw), reason === 'not_utf8' ? 'base64' : 'utf8')])
    if (more === true) continue
    rejects.push(line.toString('base64'))
    line = Buffer.alloc(0)
  }
  return { events: events.sort(), rejects: rejects.sort() }
}

const asItIs = async (row: RowObject): Promise<RowObject> => row

/** What docs/redshift.md says of `extra`: its exact text is in the row or in audit_parts, where it is not itself exact. */
const exactly =
  (sink: Sink) =>
  async (row: RowObject): Promise<RowObject> => {
    const extra = JSON.parse(String(row.extra ?? '{}'))
    if (typeof extra === 'string') return exactly(sink)({ ...row, extra })
    const { _exact, _exact_parts } = extra
    if (typeof _exact === 'string') return { ...row, extra: _exact }
    if (_exact_parts === undefined) return row
    const sql = `SELECT text FROM audit_parts WHERE id = '${row.content_hash}' ORDER BY part`
    const parts = (await rowsOf(sink, sql)).map(({ text }) => text)
    expect(parts).toHaveLength(_exact_parts)
    return { ...row, extra: parts.join('') }
  }

async function bothAgree(...inputs: Input[]): Promise<Sink> {
  const duckdb = newDuckdb()
  const redshift = await newSink(on)
  for (const input of inputs) {
    const counts = (await loadInto(redshift, input)).sinks.map(({ sink: _, ...each }) => each)
    expect(counts).toEqual((await loadInto(duckdb, input)).sinks.map(({ sink: _, ...each }) => each))
  }
  expect(await readBack(redshift, exactly(redshift))).toEqual(await readBack(duckdb, asItIs))
  return redshift
}

describe('the same as in DuckDB', () => {
  it('of made logs, column by column, named and anonymised in overlapping documents', async () => {
    const [named, later] = [day(1), day(2)]
    const bare = named.map(withoutNames)
    const inputs = [{ a: ndjson(...bare) }, { b: ndjson(...named, ...later) }, { c: ndjson(...bare) }]
    const redshift = await bothAgree(...inputs)
    const duckdb = newDuckdb()
    for (const input of inputs) await loadInto(duckdb, input)
    const columns = AUDIT_EVENTS.columns.filter(({ name }) => name !== 'load_id' && name !== 'loaded_at')
    const rows = async (sink: Sink) =>
      (await eventsOf(sink)).map((row) =>
        columns.map(({ name, type }) => (type === 'bigint' ? Number(row[name]) : row[name])),
      )
    expect(await rows(redshift)).toEqual(await rows(duckdb))
    await redshift.close()
  })

  it('of hostile lines', async () => {
    const lines = JSON.parse(readFileSync(join(import.meta.dirname, '../../../fixtures/hostile-lines.json'), 'utf8'))
    const texts = lines.map(({ line, base64 }: { line?: string; base64?: string }) =>
      Buffer.concat([
        base64 === undefined ? Buffer.from(line ?? '') : Buffer.from(base64, 'base64'),
        Buffer.from('\n'),
      ]),
    )
    expect(texts.length).toBeGreaterThan(5)
    await (await bothAgree([documentOf('hostile', Buffer.concat(texts))])).close()
  })

  it('of numbers that no warehouse keeps to the digit', async () => {
    const numbers = ['1.10', '1e400', '-0', '12345678901234567890123', '0.1000000000000000000001', '1E2', '7', '-7']
    const lines = numbers.map(
      (number, i) => `{"timestamp":"${AT}","action":"a${i}","n":${number},"deep":[{"n":${number}}]}`,
    )
    const sink = await bothAgree({ a: ndjson(...lines) })
    const extras = await rowsOf(sink, 'SELECT action, extra FROM audit_events ORDER BY action')
    // Only the last two are what SUPER keeps; the others can be navigated, and say beside it what they are.
    expect(extras.map(({ extra }) => String(extra).includes('_exact'))).toEqual(numbers.map((_, i) => i < 6))
    expect(JSON.parse(String(extras[0]?.extra))).toMatchObject({ n: 1.1, deep: [{ n: 1.1 }] })
    await sink.close()
  })

  it('of NUL characters, which no VARCHAR holds', async () => {
    const nul = {
      timestamp: AT,
      action: 'a\0b',
      cli_version: '\0',
      actor_email: 'c\0d',
      run: 'e\0f',
      nested: { '\0': [1.5] },
    }
    const sink = await bothAgree({ a: ndjson(nul, { ...nul, run: undefined, nested: undefined }, 'no\0json', '\0') })
    expect(await eventsOf(sink)).toMatchObject([
      { action: 'ab', cli_version: '', actor_email: 'cd' },
      { action: 'ab', cli_version: '', actor_email: 'cd' },
    ])
    await sink.close()
  })

  it('of texts longer than a VARCHAR, a row of a result, or SUPER may be', async () => {
    const base = { timestamp: AT, action: 'user:login' }
    const deep = `${'['.repeat(999)}${']'.repeat(999)}`
    const lines = [
      JSON.stringify({ ...base, project_name: LONG, response_code: 1 }),
      JSON.stringify({ ...base, unknown: LONG, response_code: 2 }),
      JSON.stringify({ ...base, unknown: 'x'.repeat(30_000), fraction: 0.5, response_code: 3 }),
      `{"timestamp":"${AT}","action":"user:login","deep":${deep},"response_code":4}`,
      JSON.stringify({ ...base, _exact: 'mine', _exact_parts: 7, response_code: 5 }),
      JSON.stringify({ ...base, '': 'a key that JSON_PARSE may refuse', response_code: 6 }),
      JSON.stringify({ ...base, a: { '': [0.5] }, response_code: 7 }),
      `not json ${LONG}`,
      `not json, with a NUL \0 ${LONG}`,
    ]
    const sink = await bothAgree({ a: ndjson(...lines) }, [documentOf('a', ndjson(...lines), 'read again')])
    expect(await rowsOf(sink, "SELECT message FROM audit_rejects WHERE message LIKE '%audit_parts%'")).toHaveLength(2)
    await sink.close()
  })

  it('of an extra that came second: its parts do not join those of the first', async () => {
    const base = { timestamp: AT, action: 'user:login' }
    const first = ndjson({ ...base, unknown: `first ${LONG}` })
    const second = ndjson({ ...base, unknown: `second ${LONG}` })
    await (await bothAgree({ bare: ndjson(base) }, { first }, { second })).close()
  })

  it('of whatever is made up', async () => {
    await fc.assert(
      fc.asyncProperty(documents, async (made) => {
        // Where a NUL stood, the original fills the place of an extra: see docs/redshift.md.
        const plain = made.map(({ id, lines }) => ({ id, lines: lines.map((line) => line.replaceAll('\\u0000', '')) }))
        const sink = await newSink(on, newSchema())
        for (const { id, lines } of [...plain, ...plain].reverse()) {
          await loadInto(sink, [documentOf(id, ndjson(...lines), String(Math.random()))])
        }
        const { events, rejects } = expected(plain)
        const rows = await eventsOf(sink)
        const rebuilt = new Map()
        for (const row of rows) rebuilt.set(row.content_hash, rebuild(await exactly(sink)(row)))
        expect(rebuilt).toEqual(events)
        const ids = await rowsOf(sink, 'SELECT reject_id FROM audit_rejects')
        expect(new Set(ids.map(({ reject_id }) => reject_id))).toEqual(rejects)
        await sink.close()
      }),
      { numRuns: 3 },
    )
  })
})

describe('the same window again', () => {
  it('updates and inserts no row, by the count of the engine', async () => {
    const events = day(1)
    const sink = await newSink(on)
    await loadInto(sink, { a: ndjson(...events) })
    const before = on.redshift.statements.length
    await loadInto(sink, [documentOf('a', ndjson(...events), 'read again')])
    const load = on.redshift.statements.slice(before).find(({ parts }) => parts.some(({ sql }) => /^COPY/.test(sql)))
    const changed = (start: RegExp) =>
      load?.parts.filter(({ sql }) => start.test(sql)).map(({ result }) => result?.count)
    expect(changed(/^COPY staged_events/)).toEqual([events.length])
    expect(changed(/^UPDATE "\w+"."audit_events"/)).toEqual([0])
    expect(changed(/^INSERT INTO "\w+"."audit_events"/)).toEqual([0])
    await sink.close()
  })
})
