/** What is loaded is what the DuckDB sink has; numbers in `extra` keep their digits. */

import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACTIONS } from '../../../schemas/actions.js'
import { AUDIT_EVENTS } from '../../../schemas/tables.js'
import { exactJson } from '../../../sinks/bigquery/stage.js'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink, Value } from '../../../src/contract.js'
import { parseJson } from '../../emulators/bigquery/parse-json.js'
import { exact, NUMBER } from '../../support/exact.js'
import { loadInto, ndjson, newEngine, newFolder } from '../../support/load.js'
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
})
