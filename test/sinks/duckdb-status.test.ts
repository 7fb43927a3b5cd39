import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { newestDays, statusQuestions } from '../../sinks/duckdb/status.js'
import { wholeDay } from '../../sinks/shared/spans.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { loadInto, ndjson, newFolder } from '../support/load.js'
import { rowsOf } from '../support/rows.js'

const at = (timestamp: string, more = {}) => ({ timestamp, action: 'user:login', ...more })
const PATIENT = { waitMs: 30_000, onWait() {} }

/** How many statements a connection runs, and the newest days of its table. */
async function newestOf(instants: readonly string[], days: number): Promise<{ days: string[]; statements: number }> {
  return withConnection(async (connection) => {
    await connection.run('CREATE TEMP TABLE events ("timestamp" TIMESTAMPTZ)')
    for (const instant of instants) await connection.run(`INSERT INTO events VALUES ('${instant}')`)
    let statements = 0
    const counting = new Proxy(connection, {
      get(target, name) {
        if (name === 'runAndReadAll') statements++
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const found = await newestDays(counting, 'events', days)
    return { days: found.map(({ least }) => new Date(Number(least / 1000n)).toISOString().slice(0, 10)), statements }
  })
}

describe('the newest days', () => {
  const WEEK = Array.from({ length: 7 }, (_, i) => `2026-10-0${i + 1}T23:59:59.999999Z`)

  it('are found in two statements where they follow one another', async () => {
    expect(await newestOf(WEEK, 3)).toEqual({ days: ['2026-10-05', '2026-10-06', '2026-10-07'], statements: 2 })
  })

  it('are found beyond a day in the future, in two more', async () => {
    const found = await newestOf([...WEEK, '9999-12-31T00:00:00Z'], 3)
    expect(found).toEqual({ days: ['2026-10-06', '2026-10-07', '9999-12-31'], statements: 4 })
  })

  it('are all there are where there are fewer, before 1970 too', async () => {
    const old = ['1969-12-31T00:00:00Z', '1969-12-30T23:59:59Z', '1969-12-29T00:00:00Z', '0001-01-01T00:00:00Z']
    expect((await newestOf(old, 14)).days).toEqual(['0001-01-01', '1969-12-29', '1969-12-30', '1969-12-31'])
    expect((await newestOf([], 14)).days).toEqual([])
  })
})

describe('status', () => {
  it('tells of the newest days with events, and of nothing else', async () => {
    const sink = duckdbSink(join(newFolder(), 'audit.duckdb'), PATIENT)
    const days = ['2020-02-02', '2026-10-01', '2026-10-03', '2026-10-04', '2099-01-01']
    await loadInto(sink, { a: ndjson(...days.map((day) => at(`${day}T12:00:00Z`, { [`key_of_${day}`]: 1 }))) })
    const answers = new Map<string, unknown[]>()
    for (const { name, sql } of await sink.questions.status(3)) answers.set(name, await rowsOf(sink, sql))
    expect(answers.get('days')).toEqual(
      ['2026-10-03', '2026-10-04', '2099-01-01'].map((day) => ({ day, source: 'test', events: 1n, rejects: 0n })),
    )
    expect(answers.get('unknown_keys')).toHaveLength(3)
  })

  it('names each day that it reads as a constant', () => {
    const questions = statusQuestions([wholeDay(0n), wholeDay(5n)], 2)
    const ofEvents = questions.filter(({ name, sql }) => name !== 'missing_events' && sql.includes('"audit_events"'))
    expect(ofEvents.map(({ name }) => name)).toEqual(['days', 'unknown_actions', 'unknown_keys'])
    for (const { sql } of ofEvents) expect(sql).not.toMatch(/"audit_events" (?!WHERE)/)
  })
})
