/** Files that other tools have made, or that are something else: they stay what they are, and what is wrong is said. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { failureOf } from '../conformance/stores.js'
import { countsOf, loadInto, ndjson, newFolder } from '../support/load.js'

const PATIENT = { waitMs: 30_000, onWait() {} }
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }

const newPath = (): string => join(newFolder(), 'audit.duckdb')

/** https://duckdb.org/docs/stable/internals/storage: behind checksum and magic bytes. */
const formatOf = (path: string): bigint => readFileSync(path).readBigUInt64LE(12)

async function made(path: string, options: string, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`ATTACH '${path}' AS made ${options}`)
  await connection.run('USE made')
  for (const sql of statements) await connection.run(sql)
  await connection.run('USE memory')
  await connection.run('DETACH made')
  connection.closeSync()
  instance.closeSync()
}

describe('the storage format', () => {
  it.each(['v1.0.0', 'v1.2.0', 'latest'])('of a file made as %s stays as it is, load after load', async (format) => {
    const path = newPath()
    await made(path, `(STORAGE_VERSION '${format}')`, 'CREATE TABLE theirs AS SELECT 42 AS a')
    const before = formatOf(path)
    for (const name of ['a', 'b']) {
      await loadInto(duckdbSink(path, PATIENT), { [name]: ndjson({ ...EVENT, action: name }) })
      expect(formatOf(path)).toBe(before)
    }
  })

  it('of a new file is that of DuckDB 1.4', async () => {
    const [ours, theirs] = [newPath(), newPath()]
    await made(theirs, "(STORAGE_VERSION 'v1.4.0')", 'CREATE TABLE theirs (a INTEGER)')
    const summary = await loadInto(duckdbSink(ours, PATIENT), { a: ndjson(EVENT) })
    expect(countsOf(summary)).toEqual([1, 0, 0, 0])
    expect(formatOf(ours)).toBe(formatOf(theirs))
  })
})

describe('a file that is no DuckDB file', () => {
  const text = (content: string) => (path: string) => writeFileSync(path, content, 'latin1')
  it.each<[string, (path: string) => void, RegExp]>([
    ['SQLite', text(`SQLite format 3\0${'\0'.repeat(100)}`), /is an SQLite database, not a DuckDB file/],
    ['Parquet', text(`PAR1${'\0'.repeat(100)}PAR1`), /is a Parquet file, not a DuckDB file/],
    ['gzip', text(`\x1f\x8b${'\0'.repeat(100)}`), /is a gzip file, not a/],
    ['logs', text(ndjson(EVENT)), /is a file of JSON, not a/],
    ['prose', text('once upon a time there was a file'), /is something else, not a DuckDB file/],
    ['nothing', text(''), /the file is empty, not a DuckDB file/],
    ['a folder', (path) => mkdirSync(path), /is a folder, not a DuckDB file/],
  ])('%s is named as what it is, and left as it is', async (_, make, message) => {
    const path = newPath()
    make(path)
    const sink = duckdbSink(path, PATIENT)
    for (const ask of [() => sink.prepare(), () => sink.receipts('s'), () => sink.query('SELECT 1')]) {
      const error = await failureOf(ask())
      expect(error.message).toMatch(message)
      expect(error.message).toContain(`duckdb:${path}`)
      expect(error.advice).toContain('--to')
    }
  })
})

it.each<[string, (bytes: Buffer) => Buffer]>([
  ['cut', (bytes) => bytes.subarray(0, 30_000)],
  ['overwritten', (bytes) => Buffer.from(bytes).fill(0x5a, 12_300, 20_000)],
])('a DuckDB file that was %s is damaged', async (_, damage) => {
  const path = newPath()
  await loadInto(duckdbSink(path, PATIENT), { a: ndjson(EVENT) })
  writeFileSync(path, damage(readFileSync(path)))
  const error = await failureOf(duckdbSink(path, PATIENT).prepare())
  expect(error.message).toBe(`duckdb:${path}: the file is damaged`)
  expect(error.advice).toContain('backup')
})

describe('a failure is told, and not one of the tidying up after it', () => {
  it.each([
    ['a view of our name', 'CREATE TABLE t (a INTEGER)', 'CREATE VIEW audit_events AS FROM t'],
    ['a table of the name of our view', 'CREATE TABLE audit_activity_per_day (a INTEGER)'],
    ['a table of our name with other columns', 'CREATE TABLE audit_actions (a INTEGER)'],
  ])('%s', async (_, ...statements) => {
    const path = newPath()
    await made(path, '', ...statements)
    const sink = duckdbSink(path, PATIENT)
    const first = await failureOf(sink.prepare())
    expect(first.message).toMatch(/Catalog Error: |is not one that wandb-audit made/)
    expect(first.message).not.toContain('detach')
    // The file is free again.
    await made(path, '', 'CREATE TABLE later (a INTEGER)')
    expect((await failureOf(sink.prepare())).message).toBe(first.message)
  })
})
