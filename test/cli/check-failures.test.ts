/** What fails must not switch off the alarm: `check` and `load --check` go on with the rest, and end with 1. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { webhook } from '../support/webhook.js'
import { inDatabase, ndjson, newFolder, run, start, summaryOf } from './support.js'

const DAY = 86_400_000
/** Without the detection that depends on the time of the day at which the test runs. */
const env = { WANDB_AUDIT_DETECTIONS: '{admin_outside_hours: {enabled: false}}' }
const created = (msAgo = 5000, values: object = {}) => ({
  timestamp: new Date(Date.now() - msAgo).toISOString(),
  action: 'team:create_service_account',
  actor_user_id: 7,
  user_asset: 8,
  ...values,
})

function folder(...events: object[]): string {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'log.ndjson'), ndjson(...events))
  writeFileSync(join(cwd, 'broken.ndjson.gz'), 'not gzip at all')
  writeFileSync(join(cwd, 'notafile'), 'no database, but a text of some length')
  return cwd
}

const GOOD = ['--to', 'duckdb:audit.duckdb']
const BROKEN = ['--to', 'duckdb:notafile']
const reported = async (cwd: string) =>
  inDatabase(join(cwd, 'audit.duckdb'), 'SELECT detection FROM audit_findings ORDER BY ALL')

it.each([
  ['a document that cannot be read', ['--from', 'log.ndjson', '--from', 'broken.ndjson.gz', ...GOOD]],
  ['a source that does not exist', ['--from', 'log.ndjson', '--from', 'nowhere.ndjson', ...GOOD]],
  ['another sink', ['--from', 'log.ndjson', ...BROKEN, ...GOOD]],
])('load --check checks whatever else fails: %s', async (_what, args) => {
  const cwd = folder(created())
  const hook = await webhook()
  const { code, stdout } = await run(['load', ...args, '--check', '--webhook', hook.url], { cwd, env })
  expect(stdout).toContain('service_account_created')
  expect(code).toBe(1)
  expect(hook.posted).toHaveLength(1)
  expect(await reported(cwd)).toEqual([['service_account_created']])
})

it('load --check also checks when no source can be read at all', async () => {
  const cwd = folder(created())
  await summaryOf(['load', '--from', 'log.ndjson'], { cwd, env })
  const { code, stdout } = await run(['load', '--from', 'broken.ndjson.gz', '--check'], { cwd, env })
  expect(stdout).toContain('service_account_created')
  expect(code).toBe(1)
})

it.each([
  ['first', [...BROKEN, ...GOOD]],
  ['last', [...GOOD, ...BROKEN]],
])('check goes on with the other sinks when one fails %s, and ends with 1', async (_where, to) => {
  const cwd = folder(created())
  await summaryOf(['load', '--from', 'log.ndjson', ...GOOD], { cwd, env })
  const { code, stdout, stderr } = await run(['check', ...to], { cwd, env })
  expect(stdout).toContain('service_account_created')
  expect(stderr).toContain('duckdb:notafile')
  expect(code).toBe(1)
  expect(await reported(cwd)).toEqual([['service_account_created']])
})

it('check goes on with the other detections when the statement of one fails', async () => {
  const cwd = folder(created())
  await summaryOf(['load', '--from', 'log.ndjson', ...GOOD], { cwd, env })
  // Only silent_source reads the documents.
  await inDatabase(join(cwd, 'audit.duckdb'), 'ALTER TABLE audit_documents RENAME source TO other')
  const { code, stdout, stderr } = await run(['check', ...GOOD], { cwd, env })
  expect(stdout).toContain('service_account_created')
  expect(stderr).toContain('silent_source')
  expect(code).toBe(1)
  expect(await reported(cwd)).toEqual([['service_account_created']])
})

const names = (posted: readonly unknown[]): readonly unknown[] =>
  posted.flatMap((each) => (each as { findings: { entity: unknown }[] }).findings.map(({ entity }) => entity))

it('a value that the webhook refuses keeps no other finding from it, and that one comes without values', async () => {
  const cwd = folder(...['a', 'b', 'poison', 'c'].map((name) => created(5000, { user_asset: name, entity_name: name })))
  await summaryOf(['load', '--from', 'log.ndjson'], { cwd, env })
  const hook = await webhook()
  const taken: unknown[] = []
  hook.status = (body) => {
    if (body.includes('poison')) return 413
    taken.push(JSON.parse(body))
    return 200
  }
  expect(await run(['check', '--webhook', hook.url], { cwd, env })).toMatchObject({ code: 4 })
  expect([...names(taken)].sort()).toEqual(['a', 'b', 'c', null])
  expect(await reported(cwd)).toHaveLength(4)
  expect(await run(['check', '--webhook', hook.url], { cwd, env })).toMatchObject({ code: 0 })
})

it('what the webhook has taken is not posted again when it refuses the rest', async () => {
  const cwd = folder(...Array.from({ length: 120 }, (_, n) => created(5000 + n * 1000, { user_asset: `u${n}` })))
  await summaryOf(['load', '--from', 'log.ndjson'], { cwd, env })
  const hook = await webhook()
  hook.status = () => (hook.posted.length === 1 ? 200 : 404)
  expect(await run(['check', '--webhook', hook.url], { cwd, env })).toMatchObject({ code: 1 })
  expect(await reported(cwd)).toHaveLength(100)
  hook.status = 200
  hook.posted.length = 0
  expect(await run(['check', '--webhook', hook.url], { cwd, env })).toMatchObject({ code: 4 })
  expect(names(hook.posted)).toHaveLength(20)
})

it('a finding whose reader has left is printed by the next check; what the webhook took meanwhile is not', async () => {
  const cwd = folder(created())
  await summaryOf(['load', '--from', 'log.ndjson'], { cwd, env })
  const unread = async (args: readonly string[]) => {
    const { child, result } = start(['check', ...args], { cwd, env })
    child.stdin?.end()
    child.stdout?.destroy()
    return result
  }
  expect(await unread([])).toMatchObject({ code: 4, stderr: '' })
  expect(await reported(cwd)).toEqual([])
  const hook = await webhook()
  expect(await unread(['--webhook', hook.url])).toMatchObject({ code: 4, stderr: '' })
  expect(hook.posted).toHaveLength(1)
  expect(await reported(cwd)).toHaveLength(1)
})

it('a finding that cannot be remembered is printed, and printed again by the next check', async () => {
  const cwd = folder(created())
  await summaryOf(['load', '--from', 'log.ndjson'], { cwd, env })
  await inDatabase(join(cwd, 'audit.duckdb'), 'ALTER TABLE audit_findings ALTER severity TYPE INTEGER')
  for (const _ of [1, 2]) {
    const { code, stdout } = await run(['check'], { cwd, env })
    expect(stdout).toContain('service_account_created')
    expect(code).toBe(1)
  }
})

it('a check that is interrupted between a post and its answer remembers nothing, and the next one reports it', async () => {
  const cwd = folder(created())
  await summaryOf(['load', '--from', 'log.ndjson'], { cwd, env })
  const hook = await webhook()
  const { child, result } = start(['check', '--webhook', hook.url], { cwd, env })
  hook.status = () => {
    child.kill('SIGINT')
    return 503
  }
  expect(await result).toMatchObject({ code: 130, stdout: expect.stringContaining('service_account_created') })
  expect(await reported(cwd)).toEqual([])
  hook.status = 200
  const { code, stdout } = await run(['check', '--webhook', hook.url], { cwd, env })
  expect(stdout).toContain('service_account_created')
  expect(code).toBe(4)
})

it('what could not be posted for one sink is posted for the next one that holds it, and new in the first', async () => {
  const cwd = folder(created())
  const sinks = ['--to', 'duckdb:first.duckdb', ...GOOD]
  await summaryOf(['load', '--from', 'log.ndjson', ...sinks], { cwd, env })
  const hook = await webhook()
  hook.status = (body) => (body.includes('duckdb:first') ? 404 : 200)
  const { code, stdout } = await run(['check', ...sinks, '--webhook', hook.url], { cwd, env })
  expect(code).toBe(1)
  expect(stdout.match(/service_account_created/g)).toHaveLength(1)
  expect(hook.posted.at(-1)).toMatchObject({ sink: 'duckdb:audit.duckdb', findings: [{ subject: '8' }] })
  expect(await reported(cwd)).toHaveLength(1)
  expect(await inDatabase(join(cwd, 'first.duckdb'), 'FROM audit_findings')).toEqual([])
})

it('long values are shortened, and a thousand findings of a detection are listed, with one that says there are more', async () => {
  const long = '\u{1f600}'.repeat(5000)
  const cwd = folder(
    ...Array.from({ length: 1002 }, (_, n) =>
      created(5000, { user_asset: `u${n}`, entity_name: n < 50 ? long : 'short' }),
    ),
  )
  await summaryOf(['load', '--from', 'log.ndjson'], { cwd, env })
  const { code, stdout } = await run(['check', '--format', 'ndjson'], { cwd, env })
  expect(code).toBe(4)
  const findings = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(findings).toHaveLength(1001)
  expect(findings.filter(({ what }) => what.startsWith('More than 1000 findings;'))).toHaveLength(1)
  for (const { what } of findings) expect(what).toMatch(/^[A-Z0-9].*\.$/)
  expect(Math.max(...findings.map(({ entity }) => [...(entity ?? '')].length))).toBeLessThanOrEqual(1001)
  expect(stdout).not.toMatch(/\\ud83d|\ufffd/)
})

it('load --check also checks what was loaded late, and says where it stops', async () => {
  const cwd = folder(created(4 * DAY))
  const { code, stdout } = await run(['load', '--from', 'log.ndjson', '--check'], { cwd, env })
  expect(stdout).toContain('service_account_created')
  expect(code).toBe(4)
  writeFileSync(join(cwd, 'old.ndjson'), ndjson(created(500 * DAY), created(300 * DAY)))
  const old = await run(['load', '--from', 'old.ndjson', '--check'], { cwd, env })
  expect(old.stdout.match(/service_account_created/g)).toHaveLength(1)
  expect(old.stderr).toMatch(/events before \d{4}-\d{2}-\d{2} were loaded/)
})

it('check refuses a period that has not begun', async () => {
  const tomorrow = new Date(Date.now() + DAY).toISOString().slice(0, 10)
  expect(await run(['check', '--since', tomorrow], { cwd: folder() })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('in the future'),
  })
})
