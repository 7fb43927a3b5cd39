/** What a run tells monitors: metrics and pings. */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startWandbApi } from '../../src/demo/wandb-api.js'
import { webhook } from '../support/webhook.js'
import { ndjson, newFolder, run, start } from './support.js'

/** Without the detection that depends on the time of the day at which the test runs. */
const ANY_TIME = { WANDB_AUDIT_DETECTIONS: '{admin_outside_hours: {enabled: false}}' }
const LOGIN = { timestamp: new Date(Date.now() - 60_000).toISOString(), action: 'user:login' }
/** A wrong clock. */
const AHEAD = { timestamp: '9000-01-01T00:00:00Z', action: 'user:login' }

function folder(): string {
  const cwd = newFolder()
  mkdirSync(join(cwd, 'logs'))
  writeFileSync(join(cwd, 'logs/a.ndjson'), ndjson(LOGIN, LOGIN, AHEAD, '{cut'))
  return cwd
}

const metricsIn = (cwd: string): Record<string, number> =>
  Object.fromEntries(
    readFileSync(join(cwd, 'm.prom'), 'utf8')
      .split('\n')
      .filter((line) => /^[^#]/.test(line))
      .map((line) => [
        line.replace(/ \S+$/, '').replace(/wandb_audit_|,sink="duckdb:audit.duckdb"/g, ''),
        Number(line.slice(line.lastIndexOf(' '))),
      ]),
  )

async function monitor(status = 200): Promise<{ url: string; asked: (string | undefined)[] }> {
  const asked: (string | undefined)[] = []
  const server = createServer(({ url }, response) => {
    asked.push(url)
    response.writeHead(status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/its-secret`, asked }
}

const LOAD = ['load', '--from', 'logs', '--metrics', 'm.prom']

it('a load writes its metrics, and a failing one leaves the last success', async () => {
  const cwd = folder()
  expect((await run(LOAD, { cwd })).code).toBe(0)
  const first = metricsIn(cwd)
  expect(first).toMatchObject({
    'events_total{command="load",outcome="inserted"}': 3,
    'rejects_total{command="load"}': 1,
    'documents_total{command="load",outcome="loaded"}': 1,
    'last_run_exit_code{command="load"}': 0,
    'newest_event_timestamp_seconds{command="load"}': Date.parse(LOGIN.timestamp) / 1000,
  })
  renameSync(join(cwd, 'logs'), join(cwd, 'gone'))
  expect((await run(LOAD, { cwd })).code).toBe(1)
  expect(metricsIn(cwd)).toMatchObject({
    'last_success_timestamp_seconds{command="load"}': first['last_success_timestamp_seconds{command="load"}'],
    'newest_event_timestamp_seconds{command="load"}': Date.parse(LOGIN.timestamp) / 1000,
    'last_run_exit_code{command="load"}': 1,
    'consecutive_failures{command="load"}': 1,
  })
})

it.each([
  ['another source', ['--from', 'nowhere'], 200, 1],
  ['the webhook', [], 404, 1],
  ['nothing', [], 200, 4],
])('new findings are counted when %s fails', async (_what, more, status, code) => {
  const hook = await webhook()
  hook.status = status
  const cwd = newFolder()
  mkdirSync(join(cwd, 'logs'))
  writeFileSync(
    join(cwd, 'logs/a.ndjson'),
    ndjson({ ...LOGIN, action: 'team:create_service_account', actor_user_id: 7, user_asset: 8 }),
  )
  const found = 'findings_total{command="load",severity="medium"}'
  expect((await run([...LOAD, '--check', '--webhook', hook.url, ...more], { cwd, env: ANY_TIME })).code).toBe(code)
  expect(metricsIn(cwd)[found]).toBe(1)
})

it('findings do not hide that there were too many rejects', async () => {
  const cwd = newFolder()
  mkdirSync(join(cwd, 'logs'))
  const created = { ...LOGIN, action: 'team:create_service_account', actor_user_id: 7, user_asset: 8 }
  writeFileSync(join(cwd, 'logs/a.ndjson'), ndjson(created, '{cut'))
  const { url, asked } = await monitor()
  expect((await run([...LOAD, '--check', '--max-rejects', '0', '--ping', url], { cwd, env: ANY_TIME })).code).toBe(3)
  expect(asked).toEqual(['/its-secret/fail'])
  expect(metricsIn(cwd)).toMatchObject({
    'findings_total{command="load",severity="medium"}': 1,
    'consecutive_failures{command="load"}': 1,
    'runs_total{command="load",result="failure"}': 1,
  })
})

it('an interrupted load neither pings nor changes its metrics', async () => {
  const cwd = folder()
  const { url, asked } = await monitor()
  await run(LOAD, { cwd })
  const before = metricsIn(cwd)
  const { child, result } = start(['load', '--from', '-', '--metrics', 'm.prom', '--ping', url], { cwd })
  // More than any pipe holds: when it is taken, the run is in the middle of landing it.
  await new Promise((resolve) => child.stdin?.write(ndjson(...Array(5000).fill(LOGIN)), resolve))
  child.kill('SIGINT')
  expect((await result).code).toBe(130)
  expect(asked).toEqual([])
  expect(metricsIn(cwd)).toEqual(before)
})

it('a dry run, and one of another user of the file, change nothing', async () => {
  const cwd = folder()
  expect((await run([...LOAD, '--dry-run'], { cwd })).code).toBe(0)
  writeFileSync(join(cwd, 'm.prom'), 'up 1\n')
  const { code, stderr } = await run(LOAD, { cwd })
  expect(code).toBe(0)
  expect(stderr).toContain('cannot write metrics to m.prom: it exists, and was not written by wandb-audit')
  expect(readFileSync(join(cwd, 'm.prom'), 'utf8')).toBe('up 1\n')
})

it('a backfill counts the days of the API that should be finished', async () => {
  const api = await startWandbApi({ eventsPerDay: 5, key: 'key' })
  onTestFinished(() => api.close())
  const cwd = newFolder()
  const day = new Date(Date.now() - 8 * 86_400_000).toISOString().slice(0, 10)
  const next = new Date(Date.now() - 7 * 86_400_000).toISOString().slice(0, 10)
  const env = { WANDB_API_KEY: 'key', WANDB_AUDIT_METRICS: 'm.prom' }
  const args = ['backfill', '--from', api.url, '--since', day]
  expect((await run([...args, '--until', next], { cwd, env })).code).toBe(0)
  expect(metricsIn(cwd)['unfinished_days{command="backfill"}']).toBeGreaterThan(3)
  expect((await run(args, { cwd, env })).code).toBe(0)
  expect(metricsIn(cwd)['unfinished_days{command="backfill"}']).toBe(0)
})

it('a success and a failure ping, and the URL is nowhere told', async () => {
  const cwd = folder()
  const { url, asked } = await monitor()
  const told = [
    await run(['load', '--from', 'logs', '--ping', url], { cwd, env: { WANDB_AUDIT_DEBUG: '1' } }),
    await run(['load', '--from', 'none', '--ping', url], { cwd, env: { WANDB_AUDIT_DEBUG: '1' } }),
    await run(['load', '--from', 'ftp://a/b'], { cwd, env: { WANDB_AUDIT_PING: url } }),
    await run(['load', '--from', 'logs', '--ping', url, '--dry-run'], { cwd }),
  ]
  expect(told.map(({ code }) => code)).toEqual([0, 1, 2, 0])
  expect(asked).toEqual(['/its-secret', '/its-secret/fail', '/its-secret/fail'])
  for (const { stdout, stderr } of told) expect(stdout + stderr).not.toContain('its-secret')
})

it('a monitor that refuses costs a warning', async () => {
  const cwd = folder()
  const { url } = await monitor(404)
  const { code, stderr } = await run(['load', '--from', 'logs', '--ping', url], { cwd })
  expect(code).toBe(0)
  expect(stderr).toContain(`could not send the result of a run to ${new URL(url).origin}: it answered 404`)
  expect(stderr).not.toContain('its-secret')
})
