/** What is loaded is what the DuckDB sink has; numbers in `extra` keep their digits. */

import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACTIONS } from '../../../schemas/actions.js'
import { AUDIT_CONFLICTS, AUDIT_EVENTS } from '../../../schemas/tables.js'
import { exactJson } from '../../../sinks/bigquery/stage.js'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink, Value } from '../../../src/contract.js'
import { parseJson } from '../../emulators/bigquery/parse-json.js'
import { exact, NUMBER } from '../../support/exact.js'
import { documentOf, loadInto, ndjson, newEngine, newFolder } from '../../support/load.js'
import { documents } from '../../support/model.js'
import { type RowObject, rowsOf, tableOf } from '../../support/rows.js'
import { newPlace } from './support.js'

const duckdb = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })

/** All but when and in which batch, which no two loads share; `extra` without regard to the order of keys. */
async function eventsOf(sink: Sink): Promise<unknown[]> {
  const rows = await tableOf(sink, AUDIT_EVENTS)
  return rows.map(({ load_id: _, loaded_at: __, extra, ...row }) => ({
    ...asText(row),
    extra: extra === null ? null : kept(exact(String(extra))),
  }))
}

const asText = (row: RowObject): Record<string, string | null> =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]: [string, Value]) => [key, value === null ? null : String(value)]),
  )

/** Numbers that stand as texts in one sink and as numbers in the other are one: their digits count. */
function kept(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(kept)
  if (value === null || typeof value !== 'object') return String(value).replace(NUMBER, '')
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, kept(member)]))
}

async function conflictsOf(sink: Sink): Promise<unknown[]> {
  const rows = await tableOf(sink, AUDIT_CONFLICTS)
  return rows.map(({ load_id: _, loaded_at: __, ...row }) => asText(row))
}

describe('the events', () => {
  it('are those of the DuckDB sink, row by row, whatever the documents hold', async () => {
    const bigquery = (await newPlace()).open()
    const other = duckdb()
    const several = fc.array(documents, { minLength: 4, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(several, async (runs) => {
        for (const [n, made] of runs.entries()) {
          const input = Object.fromEntries(made.map(({ id, lines }) => [`${id} of ${n}`, ndjson(...lines)]))
          for (const sink of [bigquery, other]) await loadInto(sink, input)
        }
        expect(await eventsOf(bigquery)).toEqual(await eventsOf(other))
      }),
      { numRuns: 1, endOnFailure: true },
    )
  }, 180_000)

  it('have a value with a key twice, wherever it stands, as the text that arrived: no reader shall take one of the two', async () => {
    const notes = [
      '{"k":1,"k":2}',
      '[0,{"k":1,"k":2}]',
      '{"a":{"b":[{"c":{"k":1,"k":{"k":2}}}]}}',
      '{"k":1,"\\u006b":2}',
      '{"":1,"":2}',
      `{"k":"${'x'.repeat(5000)}","k":2}`,
    ]
    const linesOf = (values: readonly string[]): string =>
      values
        .map(
          (value, i) =>
            `{"timestamp":"2026-10-01T12:34:56Z","action":"run:read","actor_user_id":${i},"note":${value}}\n`,
        )
        .join('')
    const others = notes.map((note) => note.replace('2', '3'))
    const sink = (await newPlace()).open()
    await loadInto(sink, { a: linesOf(notes) })
    const extras = async (): Promise<unknown[]> =>
      (await rowsOf(sink, 'SELECT extra FROM audit_events ORDER BY actor_user_id')).map(({ extra }) =>
        JSON.parse(String(extra)),
      )
    expect(await extras()).toEqual(notes.map((note) => ({ 'text:note': note })))
    const summary = await loadInto(sink, { b: linesOf(notes), c: linesOf(others) })
    expect(summary.sinks[0]).toMatchObject({ unchanged: 12, conflicts: 6 })
    expect(await extras()).toEqual(notes.map((note) => ({ 'text:note': note })))
    const conflicts = await rowsOf(sink, 'SELECT other FROM audit_conflicts')
    expect(conflicts.map(({ other }) => JSON.parse(String(other))['text:note']).sort()).toEqual(others.toSorted())
  })

  it('have the conflicts of the DuckDB sink, to the last id', async () => {
    const API = 'https://acme.wandb.io/admin/audit_logs#2026-10-01'
    const event = (line: number) => ({ timestamp: '2026-10-01T12:34:56Z', action: 'run:read', actor_user_id: line })
    const lines = (more: object) => ndjson(...[1, 2, 3].map((line) => ({ ...event(line), ...more })))
    const loads: readonly Record<string, string>[] = [
      { bucket: lines({ note: 'one', big: 2 ** 53 }) },
      { planted: lines({ actor_email: 'ü', project_name: 'old', note: 'two', same: { a: [1], b: null } }) },
      { [API]: lines({ actor_email: 'ada' }), again: lines({ same: { a: [1], b: null }, more: 1 }) },
      { file: lines({ actor_email: 'eve', same: { a: [1, 2] } }), other: lines({ more: 2, late: 'x' }) },
    ]
    const [bigquery, other] = [(await newPlace()).open(), duckdb()]
    for (const load of loads) {
      const [counts] = (await loadInto(bigquery, load)).sinks
      expect(counts).toEqual({ ...(await loadInto(other, load)).sinks[0], sink: bigquery.id })
    }
    const conflicts = await conflictsOf(bigquery)
    expect(conflicts.length).toBeGreaterThan(8)
    expect(conflicts).toEqual(await conflictsOf(other))
    expect(await eventsOf(bigquery)).toEqual(await eventsOf(other))
  })

  it('answer the views in the same way', async () => {
    const events = [
      { timestamp: '2026-10-01T23:59:59Z', action: 'user:login', actor_user_id: 1, response_code: 401 },
      {
        timestamp: '2026-10-01T00:00:00Z',
        action: 'user:login',
        actor_user_id: 1,
        response_code: 403,
        actor_email: 'a',
      },
      { timestamp: '2026-10-02T00:00:00Z', action: 'user:create_api_key', actor_user_id: 2, user_asset: 3 },
      { timestamp: '2026-10-02T00:00:02Z', action: 'run:teleport' },
    ]
    const answers = []
    for (const sink of [
      (await newPlace()).open(),
      (await newPlace()).open('require_partition_filter=true'),
      duckdb(),
    ]) {
      await loadInto(sink, { a: ndjson(...events, 'no json') })
      const views = []
      for (const view of ['activity_per_day', 'api_keys_created', 'refused_requests', 'rejects_by_reason'])
        views.push((await rowsOf(sink, `SELECT * FROM audit_${view}`)).map((row) => without(row, 'last_at')))
      answers.push(views)
    }
    expect(answers[0]).toEqual(answers[2])
    expect(answers[1]).toEqual(answers[2])
    expect(answers[0]?.map((rows) => rows.length)).toEqual([3, 1, 1, 1])
  })

  it('find the actions explained', async () => {
    const sink = (await newPlace()).open()
    await sink.prepare()
    const rows = await rowsOf(sink, 'SELECT * FROM audit_actions')
    expect(rows).toHaveLength(ACTIONS.length)
    expect(rows).toContainEqual(ACTIONS.find(({ action }) => action === 'user:login'))
  })
})

const without = (row: RowObject, key: string): Record<string, string | null> => {
  const { [key]: _, ...rest } = row
  return asText(rest)
}

describe('extra', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"a":1,"b":-7,"c":0}', '{"a":1,"b":-7,"c":0}'],
    ['{"a":9223372036854775807,"b":18446744073709551615}', '{"a":9223372036854775807,"b":18446744073709551615}'],
    ['{"a":18446744073709551616}', '{"a":"18446744073709551616"}'],
    ['{"a":-9223372036854775809}', '{"a":"-9223372036854775809"}'],
    ['{"a":1.5,"b":-0.25,"c":123456789.123456}', '{"a":1.5,"b":-0.25,"c":123456789.123456}'],
    ['{"a":0.1234567890123456}', '{"a":"0.1234567890123456"}'],
    ['{"a":1.10,"b":1e3,"c":-0,"d":1E400}', '{"a":"1.10","b":"1e3","c":"-0","d":"1E400"}'],
    ['{"a":0.00001}', '{"a":"0.00001"}'],
    ['{"1.10":"1e3","b":["x 1.10",[1.10,{"c":-1}]]}', '{"1.10":"1e3","b":["x 1.10",["1.10",{"c":-1}]]}'],
    ['{"a":"\\"1.10\\\\","b":true,"c":null}', '{"a":"\\"1.10\\\\","b":true,"c":null}'],
    ['{"a":"ünï 💡 \\u0000 1"}', '{"a":"ünï 💡 \\u0000 1"}'],
  ]

  it.each(cases)('%s is staged so that BigQuery keeps every digit', async (text, staged) => {
    const engine = await newEngine()
    const result = await engine.connection.runAndReadAll(`SELECT ${exactJson('$1::VARCHAR')}`, [text])
    expect(result.getRows()).toEqual([[staged]])
    expect(kept(exact(parseJson(staged)))).toEqual(kept(exact(text)))
  })

  it('of any numbers comes back with their digits', async () => {
    const engine = await newEngine()
    const number = fc.oneof(
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc
        .tuple(fc.nat(), fc.stringMatching(/^[0-9]{1,18}$/), fc.constantFrom('', 'e7', 'E-3'))
        .map(([a, b, c]) => `${a}.${b}${c}`),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(number, { maxLength: 5 }), async (numbers) => {
        const text = `{"kept":[${numbers.join(',')}]}`
        const result = await engine.connection.runAndReadAll(`SELECT ${exactJson('$1::VARCHAR')}`, [text])
        expect(kept(exact(parseJson(String(result.getRows()[0]?.[0]))))).toEqual(kept(exact(text)))
      }),
    )
  })

  it('goes through the warehouse with its digits, and whole as a text where it is deeper than JSON may be there', async () => {
    const sink = (await newPlace()).open()
    const event = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"'
    const deep = `${'['.repeat(501)}${']'.repeat(501)}`
    await loadInto(sink, {
      a: `${event},"cost":1.10,"id":123456789012345678901234567890,"n":7}\n`,
      b: `${event},"actor_user_id":2,"deep":${deep}}\n`,
    })
    const rows = await tableOf(sink, AUDIT_EVENTS)
    expect(rows.map(({ extra }) => JSON.parse(String(extra)))).toEqual(
      expect.arrayContaining([
        { cost: '1.10', id: '123456789012345678901234567890', n: 7 },
        JSON.stringify({ deep: JSON.parse(deep) }),
      ]),
    )
  })

  it('is filled key by key with every digit, in any order of loads', async () => {
    const event = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"'
    const readings = [
      `${event},"b":18446744073709551615,"c":1.10,"n":0.1}\n`,
      `${event},"a":-9223372036854775808,"c":1.10,"}":"{","n":0.1}\n`,
      `${event},"d":{"z":[1,{"y":2}],"a":123456789.123456},"b":18446744073709551615}\n`,
    ]
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ]) {
      const sink = (await newPlace()).open()
      for (const i of order) {
        const summary = await loadInto(sink, { [`document ${i}`]: readings[i] ?? '' })
        expect(summary.sinks[0]?.conflicts).toBe(0)
      }
      expect((await tableOf(sink, AUDIT_EVENTS)).map(({ extra }) => extra)).toEqual([
        '{"a":-9223372036854775808,"b":18446744073709551615,"c":"1.10","d":{"a":123456789.123456,"z":[1,{"y":2}]},"n":0.1,"}":"{"}',
      ])
    }
  })

  it('that is deeper than JSON may be there loses nothing beside another one', async () => {
    const event = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"'
    const deep = (inner: string): string => `${'['.repeat(501)}${inner}${']'.repeat(501)}`
    const extras = [`{"deep":${deep('1')}}`, `{"deep":${deep('2')}}`, '{"a":1}']
    for (const [first, second] of [
      [0, 1],
      [0, 2],
      [2, 0],
    ] as const) {
      const sink = (await newPlace()).open()
      const load = (name: string, i: number) =>
        loadInto(sink, [documentOf(name, `${event},${extras[i]?.slice(1)}\n`, String(i))])
      await load('a', first)
      expect((await load('a again', first)).sinks[0]).toMatchObject({ unchanged: 1, conflicts: 0 })
      expect((await load('b', second)).sinks[0]).toMatchObject({ unchanged: 1, conflicts: 1 })
      const [row] = await tableOf(sink, AUDIT_EVENTS)
      const [conflict] = await tableOf(sink, AUDIT_CONFLICTS)
      const text = JSON.parse(String(row?.extra))
      expect(typeof text === 'string' ? text : String(row?.extra)).toBe(extras[first])
      expect([conflict?.kept, conflict?.other]).toEqual([extras[first], extras[second]])
    }
  })
})
