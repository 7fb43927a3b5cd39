import { existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { layoutIn } from '../../sinks/shared/layout.js'
import { AuditError } from '../../src/errors.js'
import { sinkConformance } from '../conformance/sinks.js'
import { holdFile, killNow, letGo } from '../support/hold.js'
import { countsOf, loadInto, ndjson, newFolder } from '../support/load.js'
import { contentOf, eventsOf } from '../support/rows.js'

const PATIENT = { waitMs: 30_000, onWait() {} }
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_email: 'ada@example.com' }

sinkConformance('DuckDB', async () => {
  const path = join(newFolder(), 'audit.duckdb')
  return {
    open: async () => duckdbSink(path, PATIENT),
    dropColumn: async (table, column) => {
      await execute(path, `ALTER TABLE ${table} DROP COLUMN ${column}`)
    },
    async layout() {
      const [row] = await execute(path, "SELECT comment FROM duckdb_tables() WHERE table_name = 'audit_events'")
      return layoutIn(String(row?.[0]))
    },
    async setLayout(layout) {
      const mark = layout === null ? 'NULL' : `'wandb-audit, layout ${layout}'`
      await execute(path, `COMMENT ON TABLE audit_events IS ${mark}`)
    },
  }
})

async function execute(path: string, sql: string): Promise<readonly unknown[][]> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  const rows = (await connection.runAndReadAll(sql)).getRows()
  connection.closeSync()
  instance.closeSync()
  return rows
}

it('keeps one receipt of a document for which an earlier version of the program kept several', async () => {
  const path = join(newFolder(), 'audit.duckdb')
  const sink = duckdbSink(path, PATIENT)
  await loadInto(sink, { a: ndjson(EVENT), b: ndjson(EVENT) })
  await execute(path, "INSERT INTO audit_documents SELECT * REPLACE ('older' AS document_version) FROM audit_documents")
  await loadInto(sink, { a: ndjson(EVENT, EVENT) })
  const rows = await execute(path, 'SELECT document, count(*) FROM audit_documents GROUP BY ALL ORDER BY ALL')
  expect(rows).toEqual([
    ['a', 1n],
    ['b', 2n],
  ])
})

describe('the file', () => {
  const umask = process.umask()
  afterEach(() => {
    process.umask(umask)
  })

  it('is for its owner only where the process says so', async () => {
    const path = join(newFolder(), 'audit.duckdb')
    process.umask(0o077)
    await duckdbSink(path, PATIENT).prepare()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('may have any name', async () => {
    const path = join(newFolder(), `it's "my" audit; DROP TABLE – 💡.duckdb`)
    const sink = duckdbSink(path, PATIENT)
    await loadInto(sink, { a: ndjson(EVENT) })
    expect(await eventsOf(sink)).toHaveLength(1)
    expect(existsSync(path)).toBe(true)
  })

  it('is one, however it is reached', async () => {
    const folder = newFolder()
    mkdirSync(join(folder, 'real'))
    symlinkSync('real', join(folder, 'link'))
    await loadInto(duckdbSink(join(folder, 'real/audit.duckdb'), PATIENT), { a: ndjson(EVENT) })
    const again = await loadInto(duckdbSink(join(folder, 'link/audit.duckdb'), PATIENT), { a: ndjson(EVENT) })
    expect(again).toMatchObject({ documents: 0, skipped: 1 })
  })

  it('is not made by asking for receipts, and asking it is an error that says what to do', async () => {
    const path = join(newFolder(), 'audit.duckdb')
    const sink = duckdbSink(path, PATIENT)
    expect(await sink.receipts('test')).toEqual(new Map())
    await expect(sink.query('SELECT 1')).rejects.toMatchObject({ advice: expect.stringContaining('Load something') })
    expect(existsSync(path)).toBe(false)
  })

  it('needs its folder', () => {
    expect(() => duckdbSink(join(newFolder(), 'none/audit.duckdb'), PATIENT)).toThrow(/there is no folder/)
  })

  it('that an operator gave a narrower column fails without naming a value', async () => {
    const path = join(newFolder(), 'audit.duckdb')
    const sink = duckdbSink(path, PATIENT)
    await sink.prepare()
    await execute(path, 'ALTER TABLE audit_events ALTER COLUMN actor_email TYPE INTEGER')
    const error = await loadInto(sink, { a: ndjson(EVENT) }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(AuditError)
    expect(`${error}${(error as AuditError).cause}`).not.toContain('ada@example.com')
  })
})

describe('a file that another process holds', () => {
  it('is waited for, and then its holder is named', async () => {
    const path = join(newFolder(), 'audit.duckdb')
    const holder = await holdFile(path)
    const waits: string[] = []
    const sink = duckdbSink(path, { waitMs: 1, onWait: (who) => waits.push(who) })
    await expect(sink.prepare()).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`held by .*PID ${holder.pid}`)),
      advice: expect.stringContaining('Close it there'),
      retryable: true,
    })
    expect(waits).toEqual([expect.stringContaining(`PID ${holder.pid}`)])
    await letGo(holder)
  })

  it('is taken as soon as it is free', async () => {
    const path = join(newFolder(), 'audit.duckdb')
    const holder = await holdFile(path)
    const sink = duckdbSink(path, { waitMs: 30_000, onWait: () => void letGo(holder) })
    expect(countsOf(await loadInto(sink, { a: ndjson(EVENT) }))).toEqual([1, 0, 0, 0])
  })

  it('opens again when its process was killed amid a load, without what was not committed', async () => {
    const path = join(newFolder(), 'audit.duckdb')
    const sink = duckdbSink(path, PATIENT)
    await loadInto(sink, { a: ndjson(EVENT) })
    const before = await contentOf(sink)
    const insert = 'INSERT INTO audit_events SELECT * FROM audit_events'
    const committed = 'CREATE TABLE committed AS SELECT 1 AS one'
    await killNow(await holdFile(path, "SET checkpoint_threshold = '1TB'", committed, 'BEGIN', insert))
    expect(existsSync(`${path}.wal`)).toBe(true)
    expect(await contentOf(sink)).toEqual(before)
    expect(countsOf(await loadInto(sink, { b: ndjson(EVENT) }))).toEqual([0, 0, 1, 0])
  })
})
