/** The built program with BigQuery as its sink. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type StandIn, startBigQuery } from '../emulators/bigquery/server.js'
import { ndjson, newFolder, run, start } from './support.js'

const cwd = newFolder()
const LOGIN = { timestamp: '2026-10-01T23:59:59Z', action: 'user:login', run_asset: 5 }
const KEY = { type: 'authorized_user', client_id: 'a', client_secret: 'b', refresh_token: 'c' }
let standIn: StandIn
let to: string[]

beforeAll(async () => {
  standIn = await startBigQuery()
  to = ['--to', `bigquery://${standIn.project}/audit?endpoint=${standIn.url}`]
  writeFileSync(join(cwd, 'a.ndjson'), ndjson(LOGIN, LOGIN, '{cut'))
  writeFileSync(join(cwd, 'key.json'), JSON.stringify(KEY))
})
afterAll(() => standIn.close())

describe('BigQuery as a sink', () => {
  it('is told of by --dry-run, and nothing is made', async () => {
    const { code, stdout, stderr } = await run(['load', '--from', 'a.ndjson', '--dry-run', ...to], { cwd })
    expect([code, stdout]).toEqual([0, expect.stringContaining('a.ndjson')])
    expect(stderr).toContain(`bigquery://${standIn.project}/audit: 2 jobs a batch, which process at most 0 bytes`)
    const json = await run(['load', '--from', 'a.ndjson', '--dry-run', '--output', 'json', ...to], { cwd })
    expect(JSON.parse(json.stdout).estimates).toEqual([
      { sink: `bigquery://${standIn.project}/audit`, jobs: 2, bytes: 0 },
    ])
    expect(standIn.tables.bind(null, 'audit')).toThrow(/Not found/)
  })

  it('is loaded, and loaded again without a change; the log tells the bytes', async () => {
    const first = await run(['load', '--from', 'a.ndjson', ...to], { cwd })
    expect(first.stdout).toContain('read 3 = 2 inserted + 0 enriched + 0 unchanged + 1 rejected')
    expect(first.stderr).toMatch(/[0-9]+ bytes processed by job wandb-audit-/)
    const again = await run(['load', '--from', 'a.ndjson', ...to], { cwd })
    expect(again.stdout).toContain('documents: 0 loaded, 1 skipped')
  })

  it('answers query, status and rejects', async () => {
    const query = await run(
      ['query', 'SELECT action, COUNT(*) AS events FROM audit_events GROUP BY action', '--format', 'csv', ...to],
      { cwd },
    )
    expect(query.stdout.replaceAll('\r', '')).toBe('action,events\nuser:login,2\n')
    const view = await run(['query', 'SELECT * FROM audit_activity_per_day', '--format', 'ndjson', ...to], { cwd })
    expect(JSON.parse(view.stdout)).toEqual({ day: '2026-10-01', category: 'auth', events: 2, actors: 0 })
    const status = await run(['status', '--output', 'json', ...to], { cwd })
    expect(JSON.parse(status.stdout)[0]).toMatchObject({ unknown_keys: [{ key: 'run_asset', events: 2 }] })
    const rejects = await run(['rejects', '--raw', ...to], { cwd })
    expect(rejects.stdout).toBe('{cut\n')
  })

  it('is compared with its source', async () => {
    const reconcile = ['reconcile', '--since', '2026-10-01', '--until', '2026-10-02', '--from', 'a.ndjson', ...to]
    const { code, stdout } = await run([...reconcile, '--output', 'json'], { cwd })
    expect(code).toBe(0)
    const [{ counts }] = JSON.parse(stdout).days
    expect(counts).toEqual([{ events: 2, digest: expect.stringMatching(/^\d+$/) }, counts[0]])
    writeFileSync(join(cwd, 'more.ndjson'), ndjson(LOGIN, LOGIN, LOGIN))
    const more = await run([...reconcile.map((each) => (each === 'a.ndjson' ? 'more.ndjson' : each))], { cwd })
    expect(more).toMatchObject({ code: 4, stdout: expect.stringContaining('1 row only in more.ndjson\n') })
  })

  it('says what is wrong with a statement, and refuses one that would change something', async () => {
    const wrong = await run(['query', 'SELECT colour FROM audit_events', ...to], { cwd })
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('Unrecognized name: colour')])
    const changing = await run(['query', 'DELETE FROM audit_events WHERE TRUE', ...to], { cwd })
    expect([changing.code, changing.stderr]).toEqual([2, expect.stringContaining('only reads')])
  })

  it('is left as it was by Ctrl-C', async () => {
    writeFileSync(join(cwd, 'b.ndjson'), ndjson({ ...LOGIN, action: 'user:logout' }))
    const held = new Promise<void>((resolve) => {
      standIn.jobFaults.push({ job: /merge/, does: 'stays running', times: 1, onMatch: resolve })
    })
    const { child, result } = start(['load', '--from', 'b.ndjson', ...to], { cwd })
    await held
    child.kill('SIGINT')
    expect((await result).code).toBe(130)
    expect(standIn.jobs().at(-1)?.status.errorResult?.reason).toBe('stopped')
    const { stdout } = await run(['load', '--from', 'b.ndjson', ...to], { cwd })
    expect(stdout).toContain('1 inserted')
  })

  it('on this machine gets no login, though there is one', async () => {
    const env = { GOOGLE_APPLICATION_CREDENTIALS: join(cwd, 'key.json') }
    expect((await run(['query', 'SELECT 1 AS one', ...to], { cwd, env })).code).toBe(0)
    expect(standIn.logins).toEqual([])
  })
})
