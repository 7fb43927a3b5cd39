/** What readers of the lake find, who know nothing but the names of its files. */

import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import { describe, expect, it } from 'vitest'
import { AUDIT_CONFLICTS, AUDIT_EVENTS, TABLES, type Table } from '../../schemas/tables.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { parquetSink } from '../../sinks/parquet/index.js'
import type { Sink, Value } from '../../src/contract.js'
import { madeDay } from '../../src/demo/made-logs.js'
import { nanoseconds } from '../support/exact.js'
import { metadataOf, rowsIn } from '../support/hyparquet.js'
import { withDuckDB } from '../support/lake.js'
import { countsOf, loadInto, ndjson, never, newEngine, newFolder } from '../support/load.js'
import { rowsOf, tableOf } from '../support/rows.js'

const DAY_MS = 86_400_000
const FIRST = Date.UTC(2026, 9, 1)
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: 7, response_code: 200 }

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => lstatSync(join(folder, name)).isFile())
    .sort()

/** What any reader finds below a folder: names that begin with a dot or an underscore are passed over by all of them. */
const seenBelow = (folder: string): string[] => filesBelow(folder).filter((name) => !/(?:^|\/)[._]/.test(name))

async function newLake(): Promise<{ lake: string; sink: Sink }> {
  const lake = join(newFolder(), 'lake')
  return { lake, sink: await parquetSink(`parquet:${lake}`, never) }
}

describe('the files of a lake', () => {
  it('lie where the documentation says, and no others', async () => {
    const { lake, sink } = await newLake()
    await loadInto(sink, { a: ndjson(EVENT, { ...EVENT, timestamp: '0001-01-01T00:00:00Z' }, 'bad') })
    await sink.close()
    const month = new Date().toISOString().slice(0, 7)
    expect(seenBelow(lake).map((name) => name.replace(/part-[1-9a-f]-/, 'part-?-'))).toEqual([
      'audit_actions/actions-00000001.parquet',
      'audit_conflicts/part-0-00000001.parquet',
      'audit_documents/part-?-00000001.parquet',
      'audit_events/event_date=0001-01-01/events-00000001.parquet',
      'audit_events/event_date=2026-10-01/events-00000001.parquet',
      'audit_findings/findings-00000001.parquet',
      `audit_loads/${month}-00000001.parquet`,
      'audit_privacy/privacy-00000001.parquet',
      'audit_reject_pieces/part-0-00000001.parquet',
      'audit_rejects/part-0-00000001.parquet',
      'audit_rejects/part-?-00000001.parquet',
    ])
    const unseen = filesBelow(lake).filter((name) => !seenBelow(lake).includes(name))
    expect(unseen.filter((name) => !name.startsWith('.unfinished/'))).toEqual(['_wandb_audit.txt'])
  })

  it('have the types that every reader knows, compression, dictionaries and statistics', async () => {
    const { lake, sink } = await newLake()
    await loadInto(sink, { a: ndjson(...madeDay(1, FIRST, 3000), { ...EVENT, run_asset: 9 }) })
    const { schema, row_groups: groups } = metadataOf(
      readFileSync(join(lake, 'audit_events/event_date=2026-10-01/events-00000001.parquet')),
    )
    const types = schema
      .slice(1)
      .map(({ name, type, converted_type, logical_type }) => [name, type, converted_type, logical_type])
    const text = ['BYTE_ARRAY', 'UTF8', undefined]
    const instant = ['INT64', 'TIMESTAMP_MICROS', { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' }]
    const expected = {
      text,
      json: text,
      timestamp: instant,
      integer: ['INT32', 'INT_32', undefined],
      bigint: ['INT64', 'INT_64', undefined],
      boolean: ['BOOLEAN'],
    }
    expect(types).toEqual(AUDIT_EVENTS.columns.map(({ name, type }) => [name, ...expected[type]]))
    const columns = groups.flatMap((group) => group.columns.map(({ meta_data }) => meta_data))
    expect(new Set(columns.map((column) => column?.codec))).toEqual(new Set(['ZSTD']))
    expect(columns.every((column) => column?.statistics?.null_count !== undefined)).toBe(true)
    const action = columns.find((column) => column?.path_in_schema[0] === 'action')
    expect(action?.encodings).toContain('PLAIN_DICTIONARY')
    await sink.close()
  })

  it('hold every row of the DuckDB sink, value by value, read by another reader', async () => {
    const { lake, sink } = await newLake()
    const folder = newFolder()
    const duckdb = duckdbSink(join(folder, 'audit.duckdb'), { waitMs: 1000, onWait() {} })
    const events = [0, 1, 2].flatMap((day) => [...madeDay(5, FIRST + day * DAY_MS, 400)])
    const anonymous = events.map(({ actor_email, user_email, project_name, entity_name, report_name, ...rest }) => rest)
    const edges = [
      { ...EVENT, timestamp: '0001-01-01T00:00:00Z', actor_email: '' },
      { ...EVENT, timestamp: '9999-12-31T23:59:59.999999Z', response_code: 'oops' },
      { ...EVENT, timestamp: '1969-12-31T23:59:59.999999123Z', run_asset: [1.1, '💡'], actor_user_id: '"\\\t\n' },
    ]
    const renamed = events.map((event, i) => ({
      ...event,
      project_name: `renamed ${i % 7}`,
      note: i % 2,
      [`key ${i % 3}`]: 1,
    }))
    const inputs = [
      { anonymous: ndjson(...anonymous.slice(100), ...edges, 'bad', '{"action":1}') },
      { named: ndjson(...events.slice(0, 900), ...events.slice(0, 50), 'bad') },
      { again: ndjson(...events, ...edges) },
      {
        renamed: ndjson(...renamed.slice(100, 700)),
        apart: ndjson(...renamed.slice(300).map((event) => ({ ...event, note: 'x' }))),
      },
      { 'https://acme.wandb.io': ndjson(...renamed.slice(0, 400)) },
      { outranked: ndjson(...events.slice(200, 500)) },
    ]
    for (const input of inputs) await loadInto(sink, input, { sinks: [sink, duckdb] })
    expect((await tableOf(sink, AUDIT_CONFLICTS)).length).toBeGreaterThan(100)
    for (const table of TABLES.filter(({ name }) => name !== 'audit_loads')) {
      const found = []
      for (const name of seenBelow(join(lake, table.name)))
        found.push(...(await rowsIn(readFileSync(join(lake, table.name, name)))))
      const rows = found.map((row) => comparable(table, row))
      expect(inOrder(table, rows), table.name).toEqual(
        inOrder(
          table,
          (await tableOf(duckdb, table)).map((row) => comparable(table, row)),
        ),
      )
    }
    expect(await rowsOf(sink, 'SELECT * EXCLUDE (finished_at) FROM audit_loads ORDER BY load_id')).toEqual(
      await rowsOf(duckdb, 'SELECT * EXCLUDE (finished_at) FROM audit_loads ORDER BY load_id'),
    )
    await sink.close()
  })

  it('are sorted by time within a day, in row groups that readers can pass over', async () => {
    const { lake, sink } = await newLake()
    const events = [...madeDay(3, FIRST, 2000)]
    await loadInto(sink, { a: ndjson(...events.filter((_, i) => i % 3 > 0)) })
    await loadInto(sink, { b: ndjson(...events.slice(500, 600)) })
    await loadInto(sink, { c: ndjson(...events.toReversed()) })
    const rows = await rowsIn(readFileSync(join(lake, 'audit_events/event_date=2026-10-01/events-00000003.parquet')))
    expect(rows).toHaveLength(2000)
    const keys = rows.map(({ timestamp, content_hash }) => `${timestamp} ${content_hash}`)
    expect(keys).toEqual(keys.toSorted())
    await sink.close()
  })
})

describe('a load', () => {
  it('replaces the files of the days it has something for, and of no others', async () => {
    const { lake, sink } = await newLake()
    const on = (day: number, more: object = {}) => ({ ...EVENT, timestamp: `2026-10-0${day}T00:00:00Z`, ...more })
    const states = (): Map<string, bigint> =>
      new Map(seenBelow(lake).map((name) => [name, statSync(join(lake, name), { bigint: true }).ino]))
    const changedBy = async (input: Readonly<Record<string, string>>): Promise<string[]> => {
      const before = states()
      await loadInto(sink, input)
      return [...states()].filter(([name, inode]) => before.get(name) !== inode).map(([name]) => name)
    }
    await loadInto(sink, { a: ndjson(on(1), on(2), on(3)) })
    const events = (files: readonly string[]) => files.filter((name) => name.startsWith('audit_events'))
    expect(events(await changedBy({ b: ndjson(on(2), on(2), on(4)) }))).toEqual([
      'audit_events/event_date=2026-10-02/events-00000002.parquet',
      'audit_events/event_date=2026-10-04/events-00000001.parquet',
    ])
    expect(events(await changedBy({ c: ndjson(on(3, { actor_email: 'ada@example.com' }), on(1)) }))).toEqual([
      'audit_events/event_date=2026-10-03/events-00000002.parquet',
    ])
    const again = await changedBy({ d: ndjson(on(1), on(2), on(3), on(4)) })
    expect(again.map((name) => name.replace(/\/.*/, ''))).toEqual(['audit_documents', 'audit_loads'])
    await sink.close()
  })

  it('takes a batch of far more days than it may scan for', async () => {
    const { lake, sink } = await newLake()
    const events = Array.from({ length: 300 }, (_, i) => ({
      ...EVENT,
      timestamp: new Date(FIRST + ((i * 7) % 150) * DAY_MS).toISOString(),
    }))
    expect(countsOf(await loadInto(sink, { a: ndjson(...events) }))).toEqual([300, 0, 0, 0])
    expect(readdirSync(join(lake, 'audit_events'))).toHaveLength(150)
    expect(
      countsOf(await loadInto(sink, { b: ndjson(...events, { ...EVENT, timestamp: '2026-10-05T00:00:00Z' }) })),
    ).toEqual([1, 0, 300, 0])
    await sink.close()
  })
})

describe('readers beside ten loads', () => {
  const DAYS = 4
  const EACH = 5

  /** Load `n` brings five events for each of two days: what a reader finds of a day is a multiple of five. */
  const documentOf = (n: number): string =>
    ndjson(
      ...[n % DAYS, (n + 1) % DAYS].flatMap((day) =>
        Array.from({ length: EACH }, (_, i) => ({
          ...EVENT,
          timestamp: new Date(FIRST + day * DAY_MS + ((n * 1009 + i) % 86_400) * 1000).toISOString(),
          actor_user_id: `load ${n}, ${i}`,
        })),
      ),
    )

  /** Looks again and again until the loads are done: no day may be missing, shrink, be cut in the middle of a load, or hold an event twice. */
  async function watch(loads: Promise<unknown>, look: () => Promise<readonly Day[]>): Promise<number> {
    let going = true
    const done = loads.finally(() => {
      going = false
    })
    const least = new Map<string, number>()
    let looks = 0
    while (going) {
      const days = await look()
      expect(days).toHaveLength(DAYS)
      for (const { day, events, hashes } of days) {
        expect(hashes).toBe(events)
        expect(events % EACH).toBe(0)
        expect(events).toBeGreaterThanOrEqual(least.get(day) ?? EACH)
        least.set(day, events)
      }
      looks++
      await setImmediate()
    }
    await done
    expect([...least.values()].every((events) => events > EACH)).toBe(true)
    return looks
  }

  interface Day {
    readonly day: string
    readonly events: number
    readonly hashes: number
  }

  it('find each day whole, and each event once, by whatever means they read', { timeout: 300_000 }, async () => {
    const { lake, sink } = await newLake()
    const engine = await newEngine()
    for (let n = 0; n < DAYS; n++) await loadInto(sink, { [`load ${n}`]: documentOf(n) }, { engine })
    const reader = await parquetSink(`parquet:${lake}`, never)
    const looks = await withDuckDB(async (connection) => {
      const loads = (async () => {
        for (let n = DAYS; n < DAYS + 10; n++) await loadInto(sink, { [`load ${n}`]: documentOf(n) }, { engine })
      })()
      return Promise.all([
        watch(loads, () => byFiles(lake)),
        watch(loads, () => byQuery(reader)),
        watch(loads, () => byGlob(connection, lake)),
      ])
    })
    for (const each of looks) expect(each).toBeGreaterThan(10)
    for (const each of [sink, reader]) await each.close()
  })

  /** Reads all files of a day, and reads them again if one is missing or cut. */
  async function byFiles(lake: string): Promise<readonly Day[]> {
    const allOf = async (day: string): Promise<Day> => {
      const hashes = []
      for (const name of readdirSync(join(lake, 'audit_events', day)))
        for (const row of await rowsIn(await readFile(join(lake, 'audit_events', day, name))))
          hashes.push(row.content_hash)
      return { day, events: hashes.length, hashes: new Set(hashes).size }
    }
    const days = []
    for (const day of readdirSync(join(lake, 'audit_events')).sort()) {
      let found: Day | null = null
      while (found === null) found = await allOf(day).catch(() => null)
      days.push(found)
    }
    return days
  }

  const byQuery = async (reader: Sink): Promise<readonly Day[]> =>
    numbered(
      await rowsOf(
        reader,
        `SELECT "timestamp"::DATE::VARCHAR AS day, count(*) AS events, count(DISTINCT content_hash) AS hashes FROM audit_events GROUP BY day`,
      ),
    )

  /** Asks DuckDB, which may be told that a file is being replaced, and asks again then. */
  async function byGlob(connection: DuckDBConnection, lake: string): Promise<readonly Day[]> {
    const sql = `SELECT event_date::VARCHAR AS day, count(*) AS events, count(DISTINCT content_hash) AS hashes
      FROM read_parquet('${lake}/audit_events/**/*.parquet', hive_partitioning = true) GROUP BY day`
    for (;;) {
      try {
        return numbered((await connection.runAndReadAll(sql)).getRowObjects() as Record<string, Value>[])
      } catch (error) {
        // A marker that is no Parquet file, or a file that is gone.
        expect(String(error)).toMatch(/too small to be a Parquet file|No magic bytes|No such file|No files found/)
      }
    }
  }

  const numbered = (rows: readonly Readonly<Record<string, Value>>[]): Day[] =>
    rows.map(({ day, events, hashes }) => ({ day: String(day), events: Number(events), hashes: Number(hashes) }))
})

/** Instants as microseconds, whole numbers as bigint, JSON as it is written. */
function comparable({ columns }: Table, row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    columns.map(({ name, type }) => {
      // When a conflict is met each sink tells for itself.
      const value = 'conflict_id' in row && name === 'loaded_at' ? null : row[name]
      if (type === 'timestamp' && typeof value === 'string') return [name, nanoseconds(value) / 1000n]
      return [name, typeof value === 'number' ? BigInt(value) : (value ?? null)]
    }),
  )
}

const inOrder = ({ key }: Table, rows: readonly Record<string, unknown>[]): Record<string, unknown>[] => {
  const text = (row: Record<string, unknown>): string => JSON.stringify(key.map((name) => String(row[name])))
  return rows.toSorted((a, b) => (text(a) < text(b) ? -1 : 1))
}
