/** Sources asked again, beside the sinks: every hole that somebody could make is found and named. */

import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settledSpan } from '../../src/cli/reconcile.js'
import { writeBucket } from '../../src/demo/bucket.js'
import { startWandbApi, type WandbApi } from '../../src/demo/wandb-api.js'
import { type S3StandIn, startS3 } from '../emulators/s3.js'
import { inDatabase, ndjson, newFolder, run, spoolsOf, start, summaryOf } from './support.js'

const KEY = 'key-of-the-tests'
const NOW = new Date('2026-10-20T12:00:00Z')
/** 16 to 19 October. */
const DAYS = ['--since', '2026-10-16', '--until', '2026-10-20']
const SIZE = { seed: 6, eventsPerDay: 300 }

let api: WandbApi
let s3: S3StandIn
let env: Record<string, string>
/** Holds audit.duckdb and lake, loaded from both sources; tests work on copies. */
const loaded = newFolder()

beforeAll(async () => {
  api = await startWandbApi({ ...SIZE, key: KEY, now: () => NOW })
  s3 = await startS3({ buckets: ['instance', 'stopped'] })
  env = { WANDB_API_KEY: KEY, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: s3.region }
  const folder = newFolder()
  await writeBucket(folder, { ...SIZE, renamedAt: null }, 4, NOW)
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name))
    s3.put('instance', `wandb-audit-logs/${name}`, bytes)
    if (name < '2026-10-18') s3.put('stopped', `wandb-audit-logs/${name}`, bytes)
  }
  const to = ['--to', 'duckdb:audit.duckdb', '--to', 'parquet:lake']
  await summaryOf(['backfill', ...DAYS, '--from', api.url, '--from', bucket('instance'), ...to], { cwd: loaded, env })
})
afterAll(async () => {
  await api.close()
  await s3.close()
})

const bucket = (name: string): string => `s3://${name}?endpoint=${s3.url}`

/** A copy of what was loaded, with some statements run in its DuckDB file. */
async function tampered(...statements: readonly string[]): Promise<string> {
  const cwd = newFolder()
  copyFileSync(join(loaded, 'audit.duckdb'), join(cwd, 'audit.duckdb'))
  if (statements.length > 0) await inDatabase(join(cwd, 'audit.duckdb'), ...statements)
  return cwd
}

async function reported(cwd: string, args: readonly string[], code: number) {
  const result = await run(['reconcile', ...DAYS, '--output', 'json', ...args], { cwd, env })
  expect({ code: result.code, stderr: result.stderr }).toMatchObject({ code })
  return { ...result, report: JSON.parse(result.stdout) }
}

const fromApi = (): string[] => ['--from', api.url]

/** All files below a folder, with their content and when they were changed. */
const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
    .map((name) => {
      const path = join(folder, name)
      return `${name} ${createHash('sha256').update(readFileSync(path)).digest('hex')} ${statSync(path).mtimeMs}`
    })
    .sort()

describe('reconcile', () => {
  it('finds API, bucket, DuckDB and lake equal, although only one has names, and writes nothing to the sinks', async () => {
    const cwd = newFolder()
    cpSync(loaded, cwd, { recursive: true, filter: (path) => !/\.(?:tmp|cache)$/.test(path) })
    const before = filesIn(cwd)
    const to = ['--to', 'duckdb:audit.duckdb', '--to', 'parquet:lake']
    const { report } = await reported(cwd, [...fromApi(), '--from', bucket('instance'), ...to], 0)
    expect(report).toMatchObject({ since: '2026-10-16', until: '2026-10-20', equal: true, complete: true })
    expect(report.parties).toEqual([
      { name: api.url, kind: 'source' },
      { name: 's3://instance', kind: 'source' },
      { name: 'duckdb:audit.duckdb', kind: 'sink' },
      { name: 'parquet:lake', kind: 'sink' },
    ])
    expect(report.days.map(({ day }: { day: string }) => day)).toEqual([
      ...['2026-10-16', '2026-10-17', '2026-10-18', '2026-10-19'],
    ])
    for (const { counts, equal } of report.days) {
      expect(equal).toBe(true)
      expect(counts[0].events).toBeGreaterThan(100)
      for (const each of counts) expect(each).toEqual(counts[0])
    }
    for (const list of ['hours', 'rows', 'holes', 'rejects', 'days_without_events']) expect(report[list]).toEqual([])
    expect(filesIn(cwd).filter((file) => !/^\.(?:cache|tmp)/.test(file))).toEqual(before)
    expect(spoolsOf(cwd)).toEqual([])
  })

  it('names a day that is gone from the sink', async () => {
    const cwd = await tampered(`DELETE FROM audit_events WHERE "timestamp"::DATE = '2026-10-17'`)
    const { report } = await reported(cwd, fromApi(), 4)
    expect(report.days.map(({ equal }: { equal: boolean }) => equal)).toEqual([true, false, true, true])
    const events = report.days[1].counts[0].events
    expect(report.days[1].counts[1]).toEqual({ events: 0, digest: '0' })
    expect(report.holes).toEqual([
      {
        party: 'duckdb:audit.duckdb',
        kind: 'hole',
        ...{ from: '2026-10-17T00:00:00Z', until: '2026-10-18T00:00:00Z', events },
      },
    ])
    for (const { copies, content_hashes } of report.rows) {
      expect(copies).toEqual([1, 0])
      expect(content_hashes.length).toBeGreaterThan(0)
    }
    expect(report.rows.reduce((sum: number, { rows }: { rows: number }) => sum + rows, 0)).toBe(events)
  })

  it('names an hour that is gone, in a lake too', async () => {
    const hour = `"timestamp" >= '2026-10-18 05:00' AND "timestamp" < '2026-10-18 06:00'`
    const cwd = await tampered(`DELETE FROM audit_events WHERE ${hour}`)
    cpSync(join(loaded, 'lake'), join(cwd, 'lake'), { recursive: true })
    const day = join(cwd, 'lake/audit_events/event_date=2026-10-18/events-00000001.parquet')
    await inDatabase(
      ':memory:',
      `COPY (FROM '${day}' WHERE NOT (${hour})) TO '${day}.new' (FORMAT parquet)`,
      `COPY (FROM read_parquet('${day}.new')) TO '${day}' (FORMAT parquet)`,
    )
    rmSync(`${day}.new`)
    const { report } = await reported(cwd, [...fromApi(), '--to', 'duckdb:audit.duckdb', '--to', 'parquet:lake'], 4)
    expect(report.hours.map(({ hour }: { hour: string }) => hour)).toEqual(['2026-10-18T05:00:00Z'])
    const [{ events }] = report.hours[0].counts
    const span = { from: '2026-10-18T05:00:00Z', until: '2026-10-18T06:00:00Z' }
    expect(report.holes).toEqual([
      { party: 'duckdb:audit.duckdb', kind: 'hole', ...span, events },
      { party: 'parquet:lake', kind: 'hole', ...span, events },
    ])
    expect(report.rows).toMatchObject([{ hour: span.from, copies: [1, 0, 0], rows: events }])
  })

  it('finds a deleted, a forged and a doubled row, and prints no value, whatever stands in content_hash', async () => {
    const rows = await inDatabase(
      join(loaded, 'audit.duckdb'),
      `SELECT content_hash, min("timestamp")::VARCHAR FROM audit_events WHERE "timestamp"::DATE = '2026-10-17'
       GROUP BY 1 ORDER BY 2`,
    )
    const [deleted, forged, doubled, hostile] = [rows[3], rows[40], rows[80], rows[120]].map((row) => String(row?.[0]))
    const fake = 'f'.repeat(64)
    const cwd = await tampered(
      `DELETE FROM audit_events WHERE content_hash = '${deleted}'`,
      `INSERT INTO audit_events SELECT * REPLACE ('${fake}' AS content_hash) FROM audit_events WHERE content_hash = '${forged}'`,
      `INSERT INTO audit_events FROM audit_events WHERE content_hash = '${doubled}'`,
      `UPDATE audit_events SET content_hash = 'mallory@example.com \x1b[31m' WHERE content_hash = '${hostile}'`,
    )
    const { report, stdout } = await reported(cwd, fromApi(), 4)
    const found = report.rows.map((each: Record<string, unknown>) => [each.copies, each.rows, each.content_hashes])
    expect(found).toEqual(
      expect.arrayContaining([
        [[1, 0], 1, [deleted]],
        [[0, 1], 1, [fake]],
        [[1, 2], 1, [doubled]],
        [[1, 0], 1, [hostile]],
        [[0, 1], 1, []],
      ]),
    )
    expect(found).toHaveLength(5)
    const text = await run(['reconcile', ...DAYS, ...fromApi()], { cwd, env })
    for (const output of [stdout, text.stdout, text.stderr]) {
      expect(output).not.toMatch(/mallory|@example|user:login|\[31m/)
    }
    expect(text.stdout).toContain(`1 row only in ${api.url}\n    ${deleted}\n`)
    expect(text.stdout).toContain(`1 row more than once in duckdb:audit.duckdb\n    ${doubled}\n`)
    expect(text.stdout).toContain('They differ.')
  })

  it('finds rows whose hashes would balance each other in a digest without a salt', async () => {
    const [one, other] = (
      await inDatabase(
        join(loaded, 'audit.duckdb'),
        `SELECT content_hash FROM audit_events WHERE date_trunc('hour', "timestamp") =
           (SELECT max(date_trunc('hour', "timestamp")) FROM audit_events) ORDER BY 1 LIMIT 2`,
      )
    ).map(([hash]) => BigInt(`0x${hash}`))
    if (one === undefined || other === undefined) throw new Error('an hour with two events')
    const hex = (hash: bigint): string => hash.toString(16).padStart(64, '0')
    const cwd = await tampered(
      `UPDATE audit_events SET content_hash = '${hex(one - 1n)}' WHERE content_hash = '${hex(one)}'`,
      `UPDATE audit_events SET content_hash = '${hex(other + 1n)}' WHERE content_hash = '${hex(other)}'`,
    )
    const { report } = await reported(cwd, fromApi(), 4)
    expect(report.rows).toMatchObject([{ rows: 2 }, { rows: 2 }])
  })

  it('finds an event that was moved to another microsecond or another day', async () => {
    const cwd = await tampered(
      `UPDATE audit_events SET "timestamp" = "timestamp" + INTERVAL 1 MICROSECOND WHERE content_hash =
         (SELECT min(content_hash) FROM audit_events WHERE "timestamp"::DATE = '2026-10-16')`,
      `UPDATE audit_events SET "timestamp" = "timestamp" - INTERVAL 400 DAY WHERE content_hash =
         (SELECT min(content_hash) FROM audit_events WHERE "timestamp"::DATE = '2026-10-19')`,
    )
    const { report } = await reported(cwd, fromApi(), 4)
    expect(report.rows.map(({ copies }: { copies: unknown }) => copies).sort()).toEqual([
      [0, 1],
      [1, 0],
      [1, 0],
    ])
  })

  it('names a bucket that is no longer written while the API goes on', async () => {
    const cwd = await tampered()
    const from = [...fromApi(), '--from', bucket('stopped')]
    const { report } = await reported(cwd, from, 4)
    const events = report.days[2].counts[0].events + report.days[3].counts[0].events
    expect(report.holes).toEqual([
      {
        party: 's3://stopped',
        kind: 'stopped',
        ...{ from: '2026-10-18T00:00:00Z', until: '2026-10-20T00:00:00Z', events },
      },
    ])
    const { stdout } = await run(['reconcile', ...DAYS, ...from], { cwd, env })
    expect(stdout).toContain(`s3://stopped has had no event since 2026-10-18 00:00`)
  })

  it('tells of days without any event anywhere, which are equal', async () => {
    const cwd = newFolder()
    const at = (day: string) => ({ timestamp: `2026-10-${day}T12:00:00Z`, action: 'user:login' })
    writeFileSync(join(cwd, 'a.ndjson'), ndjson(at('16'), at('18')))
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
    const { report } = await reported(cwd, ['--from', 'a.ndjson'], 0)
    expect(report.days_without_events).toEqual(['2026-10-17', '2026-10-19'])
    const none = await run(['reconcile', '--since', '2026-01-01', '--until', '2026-01-02', '--from', 'a.ndjson'], {
      cwd,
    })
    expect(none).toMatchObject({ code: 0, stdout: expect.stringContaining('None of them has an event on these days') })
  })

  it('compares how many rejects a document has, where the sink has loaded it', async () => {
    const cwd = newFolder()
    writeFileSync(
      join(cwd, 'a.ndjson'),
      ndjson({ timestamp: '2026-10-16T12:00:00Z', action: 'x' }, '{cut', '{cut', '{c'),
    )
    await summaryOf(['load', '--from', 'a.ndjson', '--max-rejects', '9'], { cwd })
    const args = ['--from', 'a.ndjson', '--max-rejects', '9']
    expect((await reported(cwd, args, 0)).report.rejects).toEqual([])
    await inDatabase(join(cwd, 'audit.duckdb'), `DELETE FROM audit_rejects WHERE raw = '{c'`)
    const { report } = await reported(cwd, args, 4)
    expect(report).toMatchObject({ equal: false, hours: [] })
    expect(report.rejects).toEqual([
      {
        ...{ source: 'a.ndjson', sink: 'duckdb:audit.duckdb' },
        document: join(cwd, 'a.ndjson'),
        in_source: 3,
        in_sink: 2,
      },
    ])
  })

  it('says that the comparison is incomplete when a document cannot be read', async () => {
    const cwd = newFolder()
    writeFileSync(join(cwd, 'a.ndjson'), ndjson({ timestamp: '2026-10-16T12:00:00Z', action: 'x' }))
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
    writeFileSync(join(cwd, 'b.ndjson.gz'), Buffer.from('1f8b0800', 'hex'))
    const { report, stderr } = await reported(cwd, ['--from', 'a.ndjson', '--from', 'b.ndjson.gz'], 1)
    expect(report.complete).toBe(false)
    expect(stderr).toContain('b.ndjson.gz')
  })

  it('is ended by Ctrl-C, and leaves nothing behind', async () => {
    const cwd = await tampered()
    s3.fail({ kind: 'stall', action: 'GetObject', afterBytes: 20 })
    const { child, result } = start(['reconcile', ...DAYS, '--from', bucket('instance')], { cwd, env })
    while (s3.faultsLeft > 0) await new Promise(setImmediate)
    child.kill('SIGINT')
    expect(await result).toMatchObject({ code: 130, stdout: '' })
    expect(spoolsOf(cwd)).toEqual([])
  })

  it('fails before it fetches anything when a sink cannot answer', async () => {
    const asked = api.requests.length
    const result = await run(['reconcile', ...DAYS, ...fromApi(), '--to', 'duckdb:none.duckdb'], { env })
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('does not exist yet') })
    expect(api.requests.length).toBe(asked)
  })

  it.each([
    [[], /needs either --days or --since/],
    [['--days', '0'], /no day to compare/],
    [['--since', '2026-10-16', '--until', '2026-10-16'], /not after the first day/],
  ])('with %j is wrong usage', async (args, message) => {
    const { code, stderr } = await run(['reconcile', '--from', 'x', ...args])
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) })
  })
})

describe('the days', () => {
  const text = ({ from, to }: { from: Date; to: Date }) => [from, to].map((at) => at.toISOString().slice(0, 10))

  it('are those that ended two hours ago, unless --until says otherwise', () => {
    expect(text(settledSpan({ days: 2 }, new Date('2026-10-20T01:59:59Z')))).toEqual(['2026-10-17', '2026-10-19'])
    expect(text(settledSpan({ days: 2 }, new Date('2026-10-20T02:00:00Z')))).toEqual(['2026-10-18', '2026-10-20'])
    expect(text(settledSpan({ since: '2026-10-01' }, NOW))).toEqual(['2026-10-01', '2026-10-20'])
    const asked = { since: '2026-10-20', until: '2026-10-21' }
    expect(text(settledSpan(asked, NOW))).toEqual(['2026-10-20', '2026-10-21'])
  })
})
