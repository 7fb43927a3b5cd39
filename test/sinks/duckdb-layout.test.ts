import { DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, it } from 'vitest'
import { LAYOUT_VERSION, TABLES } from '../../schemas/tables.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { openSink } from '../../sinks/index.js'
import { LAYOUT_MARK } from '../../sinks/shared/layout.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { eventsOf, rowsOf } from '../support/rows.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: 7 }
const LOCK = { waitMs: 1000, onWait() {} }

async function fileWith(...statements: readonly string[]): Promise<string> {
  const path = `${newFolder()}/theirs.duckdb`
  await inFile(path, ...statements)
  return path
}

async function inFile(path: string, ...statements: readonly string[]): Promise<readonly unknown[][]> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  let rows: readonly unknown[][] = []
  for (const sql of statements) rows = (await connection.runAndReadAll(sql)).getRows()
  connection.closeSync()
  instance.closeSync()
  return rows
}

const everything = (path: string): Promise<readonly unknown[][]> =>
  inFile(path, 'SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY ALL')

describe('what is not ours stays as it is, and the error names the ways out', () => {
  it.each([
    ['a table with other columns', 'table audit_events', ['CREATE TABLE audit_events (id INT, what TEXT)']],
    [
      'a table with a column of another type',
      'table audit_events',
      ['CREATE TABLE audit_events ("timestamp" TIMESTAMP, action TEXT, content_hash TEXT)'],
    ],
    ['a table that lacks what must not be null', 'table audit_actions', ['CREATE TABLE audit_actions (action TEXT)']],
    [
      'a view in place of a table',
      'view audit_events',
      ['CREATE TABLE t (a INT)', 'CREATE VIEW audit_events AS FROM t'],
    ],
    ['a table in place of a view', 'table audit_activity_per_day', ['CREATE TABLE audit_activity_per_day (a INT)']],
    [
      'a view that answers another question',
      'view audit_activity_per_day',
      ['CREATE VIEW audit_activity_per_day AS SELECT 42 AS answer'],
    ],
  ])('%s', async (_what, named, statements) => {
    const path = await fileWith(...statements)
    const before = await everything(path)
    const failure = await duckdbSink(path, LOCK)
      .prepare()
      .then(
        () => null,
        (error) => error,
      )
    expect(failure?.message).toContain(`the ${named} is not one that wandb-audit made; nothing is changed`)
    expect(failure?.advice).toContain('?schema=')
    expect(await everything(path)).toEqual(before)

    const own = await openSink(`duckdb:${path}?schema=own "schema"`, { waitMs: 1000, signal: never, onNotice() {} })
    await loadInto(own, { a: ndjson(EVENT) })
    expect(await eventsOf(own)).toMatchObject([{ actor_user_id: '7' }])
    expect(await rowsOf(own, 'FROM audit_activity_per_day')).toHaveLength(1)
    expect((await own.receipts('test')).size).toBe(1)
  })

  it('a layout of a newer version, and a load leaves it alone', async () => {
    const path = `${newFolder()}/newer.duckdb`
    await loadInto(duckdbSink(path, LOCK), { a: ndjson(EVENT) })
    await inFile(path, `COMMENT ON TABLE audit_rejects IS 'wandb-audit, layout ${LAYOUT_VERSION + 1}'`)
    await expect(loadInto(duckdbSink(path, LOCK), { b: ndjson(EVENT) })).rejects.toThrow(
      /a newer version of wandb-audit made/,
    )
  })
})

it('tables of an earlier version, which carry no mark, are taken over and marked', async () => {
  const path = `${newFolder()}/earlier.duckdb`
  await loadInto(duckdbSink(path, LOCK), { a: ndjson(EVENT) })
  await inFile(
    path,
    ...TABLES.map(({ name }) => `COMMENT ON TABLE ${name} IS NULL`),
    'COMMENT ON VIEW audit_activity_per_day IS NULL',
    'ALTER TABLE audit_events DROP COLUMN names_document',
  )
  await loadInto(duckdbSink(path, LOCK), { b: ndjson({ ...EVENT, actor_user_id: 8 }) })
  const marks = await inFile(path, 'SELECT DISTINCT comment FROM duckdb_tables()')
  expect(marks).toEqual([[LAYOUT_MARK]])
})

it('an option that is not known is refused', async () => {
  await expect(openSink('duckdb:a.duckdb?shema=x', { waitMs: 0, signal: never, onNotice() {} })).rejects.toThrow(
    /has no option shema/,
  )
})
