/** Parameters of queries, and errors that point into the analyst's own text, in every sink that can be queried. */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deltaSink } from '../../sinks/delta/index.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { parquetSink } from '../../sinks/parquet/index.js'
import { redshiftSink } from '../../sinks/redshift/index.js'
import type { Sink } from '../../src/contract.js'
import { AuditError, EXIT } from '../../src/errors.js'
import { type Azurite, startAzurite } from '../emulators/azurite.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { newPlace as newBigQuery } from './bigquery/support.js'
import { newPlace as newFabric } from './fabric/place.js'
import { addressOf, newSchema, newSink, standIns } from './redshift/support.js'

interface Dialect {
  open(): Promise<Sink>
  /** How a parameter is written. */
  readonly sign: string
  /** Which table has the events' actions; Fabric's landing zone has none of the events. */
  readonly table: string
}

const on = standIns()
let azurite: Azurite
beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)
afterAll(() => azurite.close())

const PATIENT = { waitMs: 30_000, onWait() {} }
const EVENTS = ndjson(
  { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: '1', actor_email: "o'hara" },
  { timestamp: '2026-10-01T12:34:57Z', action: 'user:logout', actor_user_id: '2', actor_email: '$x' },
)

const DIALECTS: Readonly<Record<string, Dialect>> = {
  DuckDB: {
    open: async () => duckdbSink(join(newFolder(), 'audit.duckdb'), PATIENT),
    sign: '$',
    table: 'audit_events',
  },
  'the lake': { open: () => parquetSink(`parquet:${newFolder()}`, never), sign: '$', table: 'audit_events' },
  'Delta Lake': { open: () => deltaSink(`delta:${newFolder()}`, never), sign: '$', table: 'audit_events' },
  BigQuery: { open: async () => (await newBigQuery()).open(), sign: '@', table: 'audit_events' },
  Redshift: {
    async open() {
      const schema = newSchema()
      await newSink(on, schema)
      return redshiftSink(addressOf(on, schema), { signal: never })
    },
    sign: ':',
    table: 'audit_events',
  },
  Fabric: { open: async () => (await newFabric(azurite)).sink(), sign: '$', table: 'audit_actions' },
}

const errorOf = (work: Promise<unknown>): Promise<AuditError> =>
  work.then(
    () => Promise.reject(new Error('it was answered')),
    (error: unknown) => (error instanceof AuditError ? error : Promise.reject(error)),
  )

describe.each(Object.entries(DIALECTS))('%s', (_name, { open, sign, table }) => {
  let sink: Sink
  beforeAll(async () => {
    sink = await open()
    await loadInto(sink, { a: EVENTS })
  }, 180_000)
  afterAll(() => sink.close())

  const valuesOf = async (sql: string, parameters: Readonly<Record<string, string>>): Promise<unknown[]> => {
    const { rows } = await sink.query(sql, new Map(Object.entries(parameters)))
    const values = []
    for await (const row of rows) values.push(...row)
    return values
  }
  const shownFor = async (sql: string): Promise<string> => (await errorOf(sink.query(sql))).excerpt.join('\n')

  it('binds values, and never reads them as SQL', async () => {
    const sql = `SELECT action FROM ${table} WHERE action = ${sign}wanted OR action = ${sign}other`
    expect(await valuesOf(sql, { wanted: 'user:login', other: "' OR 'a' = 'a" })).toEqual(['user:login'])
    for (const hostile of ["'", "' OR true --", '\\', '$x', '@wanted', ':wanted', '日本'])
      expect(await valuesOf(sql, { wanted: hostile, other: hostile })).toEqual([])
  })

  it('refuses a parameter that is missing or is not in the query', async () => {
    const sql = `SELECT action FROM ${table} WHERE action = ${sign}constructor`
    expect((await errorOf(sink.query(sql))).message).toMatch(/constructor/)
    const error = await errorOf(sink.query(`SELECT action FROM ${table}`, new Map([['day', '1']])))
    expect(error).toMatchObject({ exitCode: EXIT.usage, message: expect.stringContaining('no parameter day') })
    expect(error.advice).toContain(`${sign}day`)
  })

  it('points to what is wrong, in the text that was given', async () => {
    const sql = `SELECT 'ü€😀',\n\tacton\nFROM ${table}`
    expect(await shownFor(sql)).toBe('LINE 2:  acton\n         ^')
    expect((await errorOf(sink.query(sql))).advice).toMatch(/^Did you mean (?:actor_\w+ or )?action/)
  })

  it('points into a statement that is no SQL', async () => {
    expect(await shownFor(`SELECT action\nFORM x ${table} y`)).toMatch(/^LINE 2: FORM x audit_\w+ y\n +\^$/)
    const far = `SELECT action, ${'1, '.repeat(100)}acton FROM ${table} WHERE ${'true AND '.repeat(30)} true`
    const [line = '', caret = ''] = (await shownFor(far)).split('\n')
    expect(line.slice(caret.length - 1)).toMatch(/^acton FROM/)
    expect(line.length).toBeLessThan(90)
  })

  it('proposes a table', async () => {
    const error = await errorOf(sink.query('SELECT * FROM audit_load'))
    expect(error.advice).toContain('audit_loads')
  })
})

describe('Redshift', () => {
  it('says that a query is cut off where it would name a word of ours', async () => {
    const sink = redshiftSink(addressOf(on, newSchema()), { signal: never })
    const error = await errorOf(sink.query('SELECT 1 + '))
    expect(error.message).toMatch(/syntax error at the end of the query$/)
    expect(error.excerpt).toEqual(['LINE 1: SELECT 1 +', '                  ^'])
    const empty = sink.query('SELECT 1 WHERE 1 = :x', new Map([['x', '']]))
    expect(await errorOf(empty)).toMatchObject({ exitCode: EXIT.usage, message: expect.stringContaining('x is empty') })
    await sink.close()
  })
})

describe('DuckDB', () => {
  it('binds in a PIVOT, and points to a value that it does not tell', async () => {
    const sink = duckdbSink(join(newFolder(), 'audit.duckdb'), PATIENT)
    await loadInto(sink, { a: EVENTS })
    const pivot =
      "PIVOT (FROM audit_events WHERE action = $a) ON action IN ('user:login') USING count(*) GROUP BY actor_user_id"
    const { columns } = await sink.query(pivot, new Map([['a', 'user:login']]))
    expect(columns.map(({ name }) => name)).toEqual(['actor_user_id', 'user:login'])
    const bad = 'SELECT CAST(actor_email AS INTEGER) AS n FROM audit_events'
    const { message, excerpt } = await errorOf(
      sink.query(bad).then(async ({ rows }) => {
        for await (const _ of rows);
      }),
    )
    expect(message).toMatch(/Conversion Error$/)
    expect(excerpt).toEqual([`LINE 1: ${bad.slice(0, 39)}…`, '               ^'])
    // A column of a PIVOT is a value of a record.
    const secret = 'FROM (PIVOT audit_events ON actor_email USING count(*)) SELECT ohara'
    expect((await errorOf(sink.query(secret))).advice ?? '').not.toContain("o'hara")
  })
})
