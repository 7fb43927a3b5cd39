import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { findingsOf } from '../../src/cli/fail-on.js'
import type { Sink } from '../../src/contract.js'
import { startWandbApi } from '../../src/demo/wandb-api.js'
import { inDatabase, ndjson, newFolder, run, summaryOf } from './support.js'

const cwd = newFolder()
const LOGIN = { timestamp: '2026-10-01T23:59:59Z', action: 'user:login' }

beforeAll(async () => {
  const odd = { ...LOGIN, timestamp: '2026-10-03T00:00:00Z', action: 'model:evaluate', run_asset: 5 }
  const overflowing = { ...LOGIN, timestamp: '2026-10-02T00:00:00Z', response_code: 'oops' }
  writeFileSync(join(cwd, 'a.ndjson'), ndjson(LOGIN, LOGIN, overflowing, odd, '{cut'))
  const both = ['--to', 'duckdb:audit.duckdb', '--to', 'duckdb:other.duckdb']
  await summaryOf(['load', '--from', 'a.ndjson', ...both], { cwd })
})

describe('status', () => {
  it('tells of sources, days, and what W&B does not document', async () => {
    const { code, stdout } = await run(['status', '--output', 'json', '--to', 'duckdb:audit.duckdb'], { cwd })
    expect(code).toBe(0)
    const [status] = JSON.parse(stdout)
    expect(status.sink).toBe('duckdb:audit.duckdb')
    expect(status.sources).toMatchObject([
      { source: 'files', documents: 1, earliest: '2026-10-01T23:59:59Z', latest: '2026-10-03T00:00:00Z' },
    ])
    expect(Date.parse(status.sources[0].last_load)).toBeLessThanOrEqual(Date.now())
    const [first, second, third, rejected] = status.days
    expect(first).toEqual({ day: '2026-10-01', source: 'files', events: 2, rejects: 0 })
    expect(second).toEqual({ day: '2026-10-02', source: 'files', events: 1, rejects: 0 })
    expect(third).toEqual({ day: '2026-10-03', source: 'files', events: 1, rejects: 0 })
    expect(rejected).toMatchObject({ source: 'files', events: 0, rejects: 1 })
    expect(status.unknown_actions).toEqual([{ action: 'model:evaluate', events: 1, last_seen: '2026-10-03T00:00:00Z' }])
    expect(status.unknown_keys).toEqual([{ key: 'run_asset', events: 1, last_seen: '2026-10-03T00:00:00Z' }])
  })

  it('shows every sink as tables', async () => {
    const { stdout } = await run(['status', '--to', 'duckdb:audit.duckdb', '--to', 'duckdb:other.duckdb'], { cwd })
    expect(stdout).toMatch(/^duckdb:audit\.duckdb\n\nSources\n.*\nduckdb:other\.duckdb\n\nSources\n/s)
    expect(stdout.match(/2026-10-01 +files +2 +0/g)).toHaveLength(2)
    expect(stdout).toMatch(/model:evaluate +1/)
  })

  it('shows the last --days there are', async () => {
    const { stdout } = await run(['status', '--days', '2', '--output', 'json'], { cwd })
    expect(JSON.parse(stdout)[0].days.map(({ events }: { events: number }) => events)).toEqual([1, 0])
  })

  it('counts events whose receipts are gone', async () => {
    await inDatabase(join(cwd, 'other.duckdb'), 'DELETE FROM audit_documents')
    const { stdout } = await run(['status', '--output', 'json', '--to', 'duckdb:other.duckdb'], { cwd })
    const [status] = JSON.parse(stdout)
    expect(status.sources).toEqual([])
    expect(status.days[0]).toMatchObject({ source: '(receipt deleted)', events: 2 })
  })

  it('says how many events are missing of those that were loaded', async () => {
    const missing = async (): Promise<unknown> => {
      const { stdout } = await run(['status', '--output', 'json', '--to', 'duckdb:other.duckdb'], { cwd })
      return JSON.parse(stdout)[0].missing_events
    }
    expect(await missing()).toEqual([])
    await inDatabase(join(cwd, 'other.duckdb'), "DELETE FROM audit_events WHERE action = 'model:evaluate'")
    expect(await missing()).toEqual([{ inserted: 4, events: 3, missing: 1 }])
  })

  it('says when nothing is loaded yet', async () => {
    const { code, stderr } = await run(['status', '--to', 'duckdb:new.duckdb'], { cwd })
    expect(code).toBe(1)
    expect(stderr).toContain('the file does not exist yet')
  })
})

describe('status --fail-on', () => {
  const DAY_MS = 86_400_000
  const daysAgo = (days: number) => ({
    timestamp: new Date(Date.now() - days * DAY_MS).toISOString(),
    action: 'user:login',
  })
  const named = (days: number) => daysAgo(days).timestamp.slice(0, 10)

  async function statusOf(conditions: string, ...lines: readonly (object | string)[]) {
    const folder = newFolder()
    writeFileSync(join(folder, 'a.ndjson'), ndjson(...lines))
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd: folder })
    const { code, stdout, stderr } = await run(['status', '--fail-on', conditions, '--output', 'json'], { cwd: folder })
    const [{ findings }] = JSON.parse(stdout) as [{ findings: { condition: string; message: string }[] }]
    return { code, stderr, findings }
  }

  it('is content with fresh events on every day, and looks at nothing else than it is asked', async () => {
    const fresh = await statusOf('stale=2h,gaps,rejects', daysAgo(0.01), daysAgo(1), daysAgo(2))
    expect(fresh).toEqual({ code: 0, stderr: '', findings: [] })
    expect(await statusOf('rejects', daysAgo(9))).toMatchObject({ code: 0, findings: [] })
  })

  it('names what is stale, missing and rejected', async () => {
    const { code, stderr, findings } = await statusOf('stale=2h,gaps,rejects', daysAgo(4), daysAgo(2), '{cut')
    expect(code).toBe(4)
    expect(findings.map(({ condition }) => condition)).toEqual(['stale', 'gaps', 'rejects'])
    expect(stderr).toContain(`days without events: ${named(3)}, ${named(1)}\n`)
    expect(stderr).toContain('1 reject on the days shown')
    expect(stderr).toContain('no event is newer than')
  })

  it('is not deceived by an event from the future, and sees one that was taken away', async () => {
    const ahead = { timestamp: '9000-01-01T00:00:00Z', action: 'user:login' }
    expect((await statusOf('stale=2h', daysAgo(1), ahead)).code).toBe(4)
    const folder = newFolder()
    writeFileSync(join(folder, 'a.ndjson'), ndjson(daysAgo(1), daysAgo(1.001)))
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd: folder })
    await inDatabase(
      join(folder, 'audit.duckdb'),
      'DELETE FROM audit_events WHERE timestamp < (SELECT max(timestamp) FROM audit_events)',
    )
    const { code, stderr } = await run(['status', '--fail-on', 'gaps'], { cwd: folder })
    expect(code).toBe(4)
    expect(stderr).toContain('1 event that was loaded is missing')
  })

  it('tells days of the API that had no events from days that were never finished', async () => {
    const api = await startWandbApi({ eventsPerDay: 0, key: 'key' })
    const folder = newFolder()
    const options = { cwd: folder, env: { WANDB_API_KEY: 'key' } }
    const backfill = ['backfill', '--from', api.url]
    await summaryOf([...backfill, '--since', named(9), '--until', named(8)], options)
    await summaryOf([...backfill, '--since', named(6)], options)
    const { code, stderr } = await run(['status', '--fail-on', 'gaps'], { cwd: folder })
    expect(code).toBe(4)
    expect(stderr).toContain(`never finished: ${named(8)}, ${named(7)}\n`)
    expect(stderr).not.toContain('without events')
    await summaryOf([...backfill, '--since', named(9)], options)
    expect((await run(['status', '--fail-on', 'gaps'], { cwd: folder })).code).toBe(0)
    await api.close()
  })

  it.each([
    ['never asked for', {}, ['days without events: 2026-11-25, 2026-11-26']],
    ['read to its end', { '2026-11-26': 'final' }, ['days without events: 2026-11-25']],
    ['read before it had settled', { '2026-11-26': 'open until 23' }, ['days without events: 2026-11-25']],
    [
      'begun long before',
      { '2026-11-23': 'open until 10', '2026-11-25': 'final', '2026-11-26': 'final' },
      ['days of the W&B API that were never finished: 2026-11-23'],
    ],
  ])('judges an empty day of the API that was %s', async (_when, versions, messages) => {
    const source = 'https://acme.wandb.io'
    const read = Object.entries({ '2026-11-24': 'final', ...versions })
    const receipts = new Map(read.map(([day, version]) => [`${source}/logs?day=${day}`, version]))
    const sink = { receipts: async () => receipts } as unknown as Sink
    const answers = new Map([
      ['days', [{ day: '2026-11-24', source, events: 1, rejects: 0 }]],
      ['sources', [{ source, earliest: '2026-11-24T08:00:00Z' }]],
    ])
    const justAfterMidnight = { days: 5, overlapMs: 0, now: new Date('2026-11-27T00:50:00Z') }
    const conditions = { staleMs: null, gaps: true, rejects: false }
    const findings = await findingsOf(sink, conditions, answers, justAfterMidnight)
    expect(findings.map(({ message }) => message)).toEqual(messages)
  })

  it.each([
    ['first', ['duckdb:broken', 'duckdb:audit.duckdb']],
    ['last', ['duckdb:audit.duckdb', 'duckdb:broken']],
  ])('a sink that fails %s hides nothing of the others', async (_where, sinks) => {
    const folder = newFolder()
    writeFileSync(join(folder, 'a.ndjson'), ndjson(daysAgo(4)))
    writeFileSync(join(folder, 'broken'), 'no database, but a text of some length')
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd: folder })
    const to = sinks.flatMap((sink) => ['--to', sink])
    const { code, stdout, stderr } = await run(['status', ...to, '--fail-on', 'stale=1h'], { cwd: folder })
    expect(stdout).toMatch(/^duckdb:audit\.duckdb\n/)
    expect(stderr).toContain('duckdb:audit.duckdb: no event is newer than')
    expect(stderr).toContain('duckdb:broken could not be queried')
    expect(code).toBe(1)
  })

  it('takes no event at all for a gap on every day before today', async () => {
    const { code, findings } = await statusOf('gaps')
    expect(code).toBe(4)
    expect(findings[0]?.message).toContain(`days without events: ${named(13)}, ${named(12)}`)
  })

  it('adds up what it is told more than once', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'a.ndjson'), ndjson(daysAgo(4), '{cut'))
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd: folder })
    const { code, stderr } = await run(['status', '--fail-on', 'stale=2h', '--fail-on', 'rejects'], { cwd: folder })
    expect(code).toBe(4)
    expect(stderr).toContain('no event is newer than')
    expect(stderr).toContain('1 reject on the days shown')
  })

  it.each([
    [['--fail-on', 'stale=2h,stale=90d'], 'Name stale=DURATION once'],
    [['--fail-on', 'stale=2h', '--fail-on', 'stale=90d'], 'Name stale=DURATION once'],
    [['--fail-on', 'gaps', '--days', '1'], '--days 1 shows none'],
  ])('refuses %j', async (args, says) => {
    const { code, stderr } = await run(['status', ...args], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })

  it.each(['stale', 'stale=soon', 'stale=2h=9d', 'holes', ''])('refuses "%s"', async (conditions) => {
    const { code, stderr } = await run(['status', '--fail-on', conditions], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('stale=DURATION, gaps or rejects')
  })
})
