import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
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
