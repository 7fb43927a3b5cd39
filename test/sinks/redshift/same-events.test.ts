/** The same documents end in the same events and rejects as in the DuckDB sink, to the last character. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AUDIT_CONFLICTS, AUDIT_EVENTS } from '../../../schemas/tables.js'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink } from '../../../src/contract.js'
import { madeDay, withoutNames } from '../../../src/demo/made-logs.js'
import { members, reordered } from '../../../src/transform/extras.js'
import { objectOf } from '../../../src/transform/members.js'
import { batchOf, documentOf, type Input, loadInto, ndjson, never, newEngine, newFolder } from '../../support/load.js'
import { documents, expected } from '../../support/model.js'
import { eventsOf, type RowObject, rebuild, rowsOf, tableOf } from '../../support/rows.js'
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

/** What docs/redshift.md says of `extra`: below `_exact` stand texts that count before the values, or audit_parts has all of it. */
async function exactText(sink: Sink, extra: string): Promise<string> {
  const all = new Map(members(extra))
  const parts = all.get('_exact_parts')
  if (parts !== undefined) {
    const sql = `SELECT text FROM audit_parts WHERE id = '${JSON.parse(parts)}' ORDER BY part`
    return (await rowsOf(sink, sql)).map(({ text }) => text).join('')
  }
  const exact = [...members(all.get('_exact') ?? '{}')].map(([key, text]) => [key, String(JSON.parse(text))] as const)
  all.delete('_exact')
  return objectOf(new Map([...all, ...exact]))
}

const exactly =
  (sink: Sink) =>
  async (row: RowObject): Promise<RowObject> =>
    row.extra === null ? row : { ...row, extra: await exactText(sink, String(row.extra)) }

/** Conflicts without the ids and instants of their load; of an extra both values in their exact form. */
async function conflictsOf(sink: Sink, exact: (extra: string) => Promise<string>) {
  const rows = []
  for (const row of await tableOf(sink, AUDIT_CONFLICTS)) {
    const { column_name, timestamp, content_hash, kept, other, kept_document, other_document, events } = row
    const values = [kept, other].map(async (value) =>
      column_name === 'extra' ? reordered(await exact(String(value))) : value,
    )
    const [keptValue, otherValue] = await Promise.all(values)
    rows.push([
      column_name,
      timestamp,
      content_hash,
      keptValue,
      otherValue,
      kept_document,
      other_document,
      Number(events),
    ])
  }
  return rows.sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))
}

async function bothAgree(...inputs: Input[]): Promise<Sink> {
  const duckdb = newDuckdb()
  const redshift = await newSink(on)
  for (const input of inputs) {
    const counts = (await loadInto(redshift, input)).sinks.map(({ sink: _, ...each }) => each)
    expect(counts).toEqual((await loadInto(duckdb, input)).sinks.map(({ sink: _, ...each }) => each))
  }
  expect(await readBack(redshift, exactly(redshift))).toEqual(await readBack(duckdb, asItIs))
  expect(await conflictsOf(redshift, (extra) => exactText(redshift, extra))).toEqual(
    await conflictsOf(duckdb, async (extra) => extra),
  )
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
    expect(JSON.parse(String(extras[0]?.extra))).toEqual({
      n: 1.1,
      deep: [{ n: 1.1 }],
      _exact: { n: '1.10', deep: '[{"n":1.10}]' },
    })
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
    const pieces = await rowsOf(sink, 'SELECT DISTINCT reject_id FROM audit_reject_pieces')
    expect(pieces).toHaveLength(2)
    await sink.close()
  })

  it('of extras that overlap in part, numbers, odd keys and all', async () => {
    const base = { timestamp: AT, action: 'user:login' }
    const [head] = JSON.stringify(base).split('}')
    const one = `${head},"both":{"b":1.0,"a":"\\u0041 "},"n":1.50,"_exact":"mine","ü \\"":":,","blank ":1}`
    const other = `${head},"both":{"a":"A ","b":1.0},"m":-0,"nul":"a\\u0000","_exact_parts":7,"blank":2}`
    const sinks = [
      await bothAgree({ one }, { other }),
      await bothAgree({ other }, { one }),
      await bothAgree({ one, other }),
    ]
    for (const sink of sinks) {
      expect(await tableOf(sink, AUDIT_CONFLICTS)).toEqual([])
      expect(await rowsOf(sink, 'SELECT extra FROM audit_events')).toEqual(
        await rowsOf(sinks[0] as Sink, 'SELECT extra FROM audit_events'),
      )
    }
    for (const sink of sinks) await sink.close()
  })

  it('of readings that contradict each other, before and within a batch', async () => {
    const base = { timestamp: AT, action: 'user:login' }
    const line = (n: string, more: object) => `${JSON.stringify({ ...base, ...more }).slice(0, -1)},"n":${n}}`
    const sink = await bothAgree(
      { a: ndjson(line('1.0', { project_name: 'one', text: 'x' }), { ...base, user_asset: 1, project_name: 'one' }) },
      {
        b: ndjson(line('1.00', { project_name: 'two' }), { ...base, user_asset: 1, project_name: 'two' }),
        c: ndjson(line('"1.0"', { project_name: 'three', text: 'x ' })),
        d: ndjson(line('1.0', { project_name: 'one', text: 'x', more: true })),
        'https://acme.wandb.io/admin/audit_logs#2026-10-01': ndjson({ ...base, actor_email: 'ada@example.com' }),
      },
      { e: ndjson(line('1', { project_name: 'one ' })) },
    )
    const columns = (await tableOf(sink, AUDIT_CONFLICTS)).map(({ column_name }) => column_name)
    expect(new Set(columns)).toEqual(new Set(['extra', 'project_name']))
    await sink.close()
  })

  it('of an event whose extra is too long for its row, in the row and in conflicts', async () => {
    const base = { timestamp: AT, action: 'user:login' }
    const first = ndjson({ ...base, unknown: `first ${LONG}` })
    const second = ndjson({ ...base, unknown: `second ${LONG}` })
    await (await bothAgree({ bare: ndjson(base) }, { first }, { second })).close()
  })
})

describe('an extra that does not fit beside the one in the row', () => {
  const base = { timestamp: AT, action: 'user:login' }

  it.each([
    ['is long itself', { long: LONG }],
    ['would make it too long', { long: 'y'.repeat(15_000) }],
  ])('%s: it is kept whole as a conflict, once', async (_, added) => {
    const sink = await newSink(on)
    const kept = { ...base, here: 'x'.repeat(15_000) }
    await loadInto(sink, { kept: ndjson(kept) })
    for (const version of ['1', '2']) {
      const { sinks } = await loadInto(sink, [documentOf('other', ndjson({ ...base, ...added }), version)])
      expect(sinks).toMatchObject([{ enriched: 0, unchanged: 1, conflicts: 1 }])
    }
    const [row] = await eventsOf(sink)
    expect(JSON.parse(await exactText(sink, String(row?.extra)))).toEqual({ here: kept.here })
    const conflicts = await tableOf(sink, AUDIT_CONFLICTS)
    expect(conflicts).toMatchObject([{ column_name: 'extra', kept_document: 'kept', other_document: 'other' }])
    expect(JSON.parse(await exactText(sink, String(conflicts[0]?.other)))).toEqual(added)
    await sink.close()
  })
})

describe('a reject in pieces of a mebibyte', () => {
  it.each([
    ['', 'x'],
    [', with a NUL in the last of them', '\0'],
  ])('is cut into rows that fit%s, and comes back whole', async (_, end) => {
    const sink = await newSink(on)
    const engine = await newEngine()
    const batch = await batchOf(engine, [documentOf('a', ndjson('{"a":'))])
    const pieces = [2, 3, 4].map((piece) => `${'é'.repeat(40_000)}${piece}${piece === 4 ? end : ''}`)
    await engine.run('CREATE TEMP TABLE pieces AS SELECT reject_id, 0 AS piece, raw FROM rejects LIMIT 0')
    for (const [i, raw] of pieces.entries()) {
      await engine.connection.run('INSERT INTO pieces SELECT reject_id, $1, $2 FROM rejects', [i + 2, raw])
    }
    await sink.load({ ...batch, pieces: { relation: 'pieces', rows: 3 } }, never)
    const { rejects } = await readBack(sink, asItIs)
    expect(rejects.map((base64) => Buffer.from(base64, 'base64').toString())).toEqual([`{"a":${pieces.join('')}`])
    await sink.close()
  })
})

describe('whatever order', () => {
  it('of whatever is made up', async () => {
    await fc.assert(
      fc.asyncProperty(documents, async (made) => {
        const sink = await newSink(on, newSchema())
        for (const { id, lines } of [...made, ...made].reverse()) {
          await loadInto(sink, [documentOf(id, ndjson(...lines), String(Math.random()))])
        }
        const { events, rejects } = expected(made)
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
