/** The report of `doctor` over local parts and the stand-in for the W&B API, healthy and with each fault. */

import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startWandbApi, type WandbApiOptions } from '../../src/demo/wandb-api.js'
import type { Result } from '../../src/doctor/doctor.js'
import { ndjson, newFolder, type Result as Output, run, summaryOf } from './support.js'

const KEY = 'f00dfeedf00dfeedf00dfeedf00dfeedf00dfeed'
const LOGIN = { timestamp: new Date(Date.now() - 60_000).toISOString(), action: 'user:login' }

interface Options {
  readonly cwd?: string
  readonly env?: Record<string, string>
}

async function reportOf(
  args: readonly string[],
  options: Options = {},
): Promise<{ code: Output['code']; checks: Result[]; stdout: string }> {
  const { code, stdout, stderr } = await run(['doctor', ...args, '--output', 'json'], options)
  expect(stderr).toBe('')
  return { code, checks: JSON.parse(stdout).checks, stdout }
}

const found = (checks: readonly Result[], subject: string, check: string): Result | undefined =>
  checks.find((result) => result.subject.startsWith(subject) && result.check === check)

async function api(options: WandbApiOptions = {}): Promise<string> {
  const server = await startWandbApi({ eventsPerDay: 5, key: KEY, ...options })
  onTestFinished(() => server.close())
  return server.url
}

it('what is healthy is ok, and nothing is written', async () => {
  const cwd = newFolder()
  mkdirSync(join(cwd, 'logs'))
  writeFileSync(join(cwd, 'logs/a.ndjson'), ndjson(LOGIN))
  await summaryOf(['load', '--from', 'logs', '--to', 'duckdb:a.duckdb', '--to', 'parquet:lake'], { cwd })
  const before = readdirSync(cwd, { recursive: true }).sort()
  const url = await api()
  const places = ['--from', url, '--from', 'logs', '--to', 'duckdb:a.duckdb', '--to', 'parquet:lake']
  const { code, checks, stdout } = await reportOf(places, { cwd, env: { WANDB_API_KEY: KEY } })
  expect(code).toBe(0)
  expect(checks.filter(({ state, check }) => state !== 'ok' && !['Node.js', 'spool'].includes(check))).toEqual([])
  expect(checks.map(({ subject, check }) => `${subject}: ${check}`)).toEqual([
    ...['Node.js', 'settings', 'private files', 'spool'].map((check) => `this machine: ${check}`),
    ...['login', 'clock'].map((check) => `source ${url}/admin/audit_logs: ${check}`),
    'source files: documents',
    ...['reading', 'newest event', 'permissions'].map((check) => `sink duckdb:a.duckdb: ${check}`),
    ...['reading', 'newest event', 'permissions'].map((check) => `sink parquet:lake: ${check}`),
  ])
  expect(found(checks, 'source http', 'login')?.message).toContain('speaks current, and serves any hours')
  expect(stdout).not.toContain(KEY)
  expect(readdirSync(cwd, { recursive: true }).sort()).toEqual(before)
})

it('says it in words, with the cure', async () => {
  const cwd = newFolder()
  const { code, stdout } = await run(['doctor', '--from', 'none', '--to', 'duckdb:none.duckdb'], { cwd })
  expect(code).toBe(1)
  expect(stdout).toMatch(/^this machine\n {2}(?:ok {5}|warning) {2}Node\.js: /)
  expect(stdout).toContain('FAILURE  documents: no file at none\n           Name a file, a folder')
  expect(stdout).toContain('warning  newest event: duckdb:none.duckdb: the file does not exist yet\n')
  expect(stdout).toMatch(/\n\d+ ok, \d warnings?, 1 failure\n$/)
  expect(existsSync(join(cwd, 'none.duckdb'))).toBe(false)
})

it.each([
  { dialect: 'classic', says: 'serves everything from a day until now' },
  { dialect: 'between', says: 'serves whole days' },
] as const)('names the dialect $dialect', async ({ dialect, says }) => {
  const { checks } = await reportOf(['--from', await api({ dialect })], { env: { WANDB_API_KEY: KEY } })
  expect(found(checks, 'source', 'login')).toMatchObject({ state: 'ok', message: expect.stringContaining(says) })
})

it('finds a wrong key, no key, a host that is none, and a page that is no log', async () => {
  const page = createServer((_, response) => void response.end('<html><body>Sign in</body></html>'))
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void page.close())
  const port = (server: typeof page) => (server.address() as AddressInfo).port
  const url = await api()
  const wrong = await reportOf(['--from', url], { env: { WANDB_API_KEY: 'wrong-key-wrong-key' } })
  expect(wrong.code).toBe(1)
  expect(found(wrong.checks, 'source', 'login')).toMatchObject({
    state: 'failure',
    cure: expect.stringMatching(/key/i),
  })
  expect(found(wrong.checks, 'source', 'clock')?.state).toBe('warning')
  expect(wrong.stdout).not.toContain('wrong-key')
  const { checks } = await reportOf(['--from', url, '--from', `http://127.0.0.1:${port(page)}`])
  expect(checks.filter(({ check }) => check === 'open').map(({ message }) => message)).toEqual([
    'no API key for 127.0.0.1',
    'no API key for 127.0.0.1',
  ])
  const html = await reportOf(['--from', `http://127.0.0.1:${port(page)}`], { env: { WANDB_API_KEY: KEY } })
  expect(found(html.checks, 'source', 'login')?.state).toBe('failure')
})

it('finds a clock that is wrong', async () => {
  const now = () => new Date(Date.now() + 600_000)
  const { code, checks } = await reportOf(['--from', await api({ now })], { env: { WANDB_API_KEY: KEY } })
  expect(code).toBe(0)
  expect(found(checks, 'source', 'clock')).toMatchObject({
    state: 'warning',
    message: expect.stringMatching(/behind the server's$/),
    cure: expect.stringContaining('NTP'),
  })
})

it('finds files that others may read, settings that are wrong, a spool that is none, and an old event', async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'a.ndjson'), ndjson({ ...LOGIN, timestamp: '2026-01-01T00:00:00Z' }))
  await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
  chmodSync(join(cwd, 'audit.duckdb'), 0o644)
  writeFileSync(join(cwd, 'key'), 'key')
  chmodSync(join(cwd, 'key'), 0o640)
  writeFileSync(join(cwd, 'wandb-audit.yaml'), 'quiet: true\n')
  const args = ['--from', 'a.ndjson', '--spool', 'nowhere']
  const env = { WANDB_AUDIT_PRIVACY_KEY_FILE: 'key', WANDB_AUDIT_METRICS: 'nowhere/m.prom' }
  const { code, stdout } = await run(['doctor', ...args, '--output', 'json'], { cwd, env })
  const checks: Result[] = JSON.parse(stdout).checks
  expect(code).toBe(1)
  const states = Object.fromEntries(checks.map(({ check, state }) => [check, state]))
  expect(states).toMatchObject({
    settings: 'warning',
    'private files': 'warning',
    spool: 'failure',
    metrics: 'failure',
    permissions: 'warning',
    'newest event': 'warning',
  })
  const wrong = await run(['doctor'], { cwd, env: { WANDB_AUDIT_MEMORY: 'much' } })
  expect(wrong.code).toBe(1)
  expect(wrong.stdout).toContain('FAILURE  reading: the environment:')
  expect(wrong.stdout).not.toMatch(/ok +settings/)
  expect(wrong.stdout).toContain('Node.js')
})

it('an archive in a folder is warned of, and probed', async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'a.ndjson'), ndjson(LOGIN))
  await summaryOf(['load', '--from', 'a.ndjson', '--archive', 'kept', '--to', 'parquet:lake'], { cwd })
  // A folder keeps what was replaced for a day: there it is not what a probe wrote.
  const files = () =>
    readdirSync(cwd, { recursive: true, encoding: 'utf8' }).filter((name) => !/\.unfinished\/./.test(name))
  const before = files().sort()
  const args = ['--from', 'a.ndjson', '--archive', 'kept', '--to', 'parquet:lake', '--probe']
  const { code, checks } = await reportOf(args, { cwd })
  expect(code).toBe(0)
  expect(found(checks, 'archive', 'locks')).toMatchObject({ state: 'warning' })
  expect(found(checks, 'archive', 'probe: writing')).toMatchObject({ state: 'ok' })
  expect(found(checks, 'sink', 'probe: writing')).toMatchObject({ state: 'ok' })
  expect(files().sort()).toEqual(before)
})
