/** A lake through the built program, as its users run it. */

import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { madeDay } from '../../src/demo/made-logs.js'
import { countsOf, ndjson, newFolder, run, spoolsOf, start, summaryOf } from './support.js'

const DAY = Date.UTC(2026, 9, 1)
const TO = ['--to', 'parquet:lake/']

const madeLines = (count: number): string => ndjson(...madeDay(1, DAY, count), '{"action":"user:login"}')

/** The rows that a query over the lake gives. */
async function asked(cwd: string, sql: string): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await run(['query', sql, '--format', 'json', ...TO], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

const TOTALS = `
  SELECT (SELECT count(*) FROM audit_events) AS events, (SELECT count(DISTINCT content_hash) FROM audit_events) AS hashes,
    (SELECT count(*) FROM audit_rejects) AS rejects, (SELECT count(*) FROM audit_documents) AS documents`

describe('a lake', () => {
  it('is loaded, asked, shown and loaded again, and everything in it is for its owner only', async () => {
    const cwd = newFolder()
    writeFileSync(join(cwd, 'a.ndjson'), madeLines(500))
    const load = ['load', '--from', 'a.ndjson', ...TO]
    expect(countsOf(await summaryOf(load, { cwd }))).toEqual([501, 500, 0, 0, 1])
    expect(await summaryOf(load, { cwd })).toMatchObject({ documents: 0, skipped: 1 })
    expect(await asked(cwd, TOTALS)).toEqual([{ events: 500, hashes: 500, rejects: 1, documents: 1 }])
    expect(await asked(cwd, 'SELECT sum(events) AS events FROM audit_activity_per_day')).toEqual([{ events: 500 }])
    const status = JSON.parse((await run(['status', '--output', 'json', ...TO], { cwd })).stdout)
    expect(status).toMatchObject([{ sink: 'parquet:lake/', sources: [{ source: 'files', documents: 1 }] }])
    expect((await run(['status', ...TO], { cwd })).stdout).toContain('2026-10-01')
    expect((await run(['rejects', ...TO], { cwd })).stdout).toContain('no_timestamp')
    expect((await run(['rejects', '--raw', ...TO], { cwd })).stdout).toBe('{"action":"user:login"}\n')
    const modes = readdirSync(join(cwd, 'lake'), { recursive: true, encoding: 'utf8' })
      .map((name) => statSync(join(cwd, 'lake', name), { throwIfNoEntry: false }))
      .filter((stats) => stats !== undefined)
      .map((stats) => (stats.mode & 0o777).toString(8).concat(stats.isDirectory() ? ' folder' : ' file'))
    expect(new Set(modes)).toEqual(new Set(['700 folder', '600 file']))
    expect(readdirSync(join(cwd, 'lake/.unfinished')).filter((name) => name.startsWith('scratch'))).toEqual([])
    expect(spoolsOf(cwd)).toEqual([])
  })

  it('is made beside a DuckDB file in one run', async () => {
    const cwd = newFolder()
    const summary = await summaryOf(['load', '--from', '-', '--to', 'duckdb:audit.duckdb', ...TO], {
      cwd,
      stdin: madeLines(50),
    })
    expect(countsOf(summary, 0)).toEqual(countsOf(summary, 1))
  })

  it('refuses a statement that would change something, and one over a lake that is not there', async () => {
    const cwd = newFolder()
    const early = await run(['query', 'SELECT 1', ...TO], { cwd })
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('Load something first') })
    expect(existsSync(join(cwd, 'lake'))).toBe(false)
    await summaryOf(['load', '--from', '-', ...TO], { cwd, stdin: madeLines(5) })
    for (const sql of [
      'CREATE TABLE mine (i INTEGER)',
      'DROP VIEW audit_events',
      'INSERT INTO audit_events SELECT * FROM audit_events',
    ]) {
      const { code, stderr } = await run(['query', sql, ...TO], { cwd })
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('only reads') })
    }
    expect(await asked(cwd, 'SELECT count(*) AS events FROM "AUDIT_EVENTS"')).toEqual([{ events: 5 }])
  })

  it.each(['parquet:', 'parquet+file:///lake', 'parquet+s3://', 'parquet+https://host/lake', 'parquet:none/lake'])(
    'has no address like %s',
    async (address) => {
      const cwd = newFolder()
      const { code, stderr } = await run(['load', '--from', '-', '--to', address], { cwd, stdin: madeLines(1) })
      expect([1, 2]).toContain(code)
      expect(stderr).toMatch(/^wandb-audit: .*\n {2}\S/)
      expect(readdirSync(cwd).filter((name) => !name.startsWith('.'))).toEqual([])
    },
  )

  it('is left as it was by Ctrl-C while a document arrives', async () => {
    const cwd = newFolder()
    await summaryOf(['load', '--from', '-', ...TO], { cwd, stdin: madeLines(20) })
    const before = await asked(cwd, TOTALS)
    const { child, result } = start(['load', '--from', '-', ...TO], { cwd })
    await new Promise((resolve) => child.stdin?.write(madeLines(5000), resolve))
    child.kill('SIGINT')
    expect(await result).toMatchObject({ code: 130, stdout: '' })
    expect(await asked(cwd, TOTALS)).toEqual(before)
    expect(spoolsOf(cwd)).toEqual([])
  })
})
