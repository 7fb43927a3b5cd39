/** Output that cannot be written, in every command: no stack trace, a code that can be relied on, and no word lost about a load. */

import { spawn } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startWandbApi } from '../../src/demo/wandb-api.js'
import { inCheckout, ndjson, newFolder, run, start, valueIn } from './support.js'

const cwd = newFolder()
const EVENT = { timestamp: '2026-09-01T10:00:00Z', action: 'user:login' }

const FORMATS = ['table', 'json', 'ndjson', 'csv', 'parquet', 'arrow']
const COMMANDS: readonly (readonly string[])[] = [
  ['--help'],
  ['--version'],
  ['load', '--help'],
  ['status'],
  ['status', '--output', 'json'],
  ...FORMATS.map((format) => ['query', 'FROM audit_events', '--format', format]),
  ['rejects'],
  ['rejects', '--raw'],
  ['load', '--from', 'new.ndjson', '--dry-run', '--to', 'duckdb:none.duckdb'],
  ['load', '--from', 'new.ndjson', '--dry-run', '--output', 'json', '--to', 'duckdb:none.duckdb'],
]
const LOADS = [
  ['load', '--from', 'new.ndjson'],
  ['load', '--from', 'new.ndjson', '--output', 'json', '--quiet'],
]

beforeAll(async () => {
  writeFileSync(join(cwd, 'a.ndjson'), ndjson(EVENT, '{cut'))
  writeFileSync(join(cwd, 'new.ndjson'), ndjson({ ...EVENT, action: 'user:logout' }))
  await run(['load', '--from', 'a.ndjson'], { cwd })
})

/** Runs with a reader of one output who has left before anything is written. */
async function unread(args: readonly string[], output: 'stdout' | 'stderr' = 'stdout', env = {}) {
  const { child, result } = start(args, { cwd, env })
  child.stdin?.end()
  child[output]?.destroy()
  return result
}

/** Runs with outputs on a disk that is full; returns the code and what stderr got. */
function onFullDisk(args: readonly string[], output: 'stdout' | 'stderr' = 'stdout', env = {}) {
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  const stdio = output === 'stdout' ? (['ignore', full, 'pipe'] as const) : (['ignore', 'pipe', full] as const)
  const child = spawn(process.execPath, [inCheckout('bin/wandb-audit'), ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, TMPDIR: cwd, METADATA_SERVER_DETECTION: 'none', ...env },
    stdio: [...stdio],
  })
  return new Promise<{ code: number | null; told: string }>((resolve) => {
    let told = ''
    child[output === 'stdout' ? 'stderr' : 'stdout']?.setEncoding('utf8').on('data', (text: string) => {
      told += text
    })
    child.on('close', (code) => resolve({ code, told }))
  })
}

const FULL = 'wandb-audit: the output cannot be written (ENOSPC)\n  The disk is full:'
const COMMITTED = /^documents: 1 loaded, 0 skipped, 0 failed\n.*: read 1 = 1 inserted/m

describe.each(COMMANDS)('%s %s %s %s %s', (...args) => {
  it('ends quietly when its reader has left', async () => {
    expect(await unread(args)).toMatchObject({ code: 0, stderr: expect.not.stringMatching(/wandb-audit: |at .*:\d+/) })
  })

  it('says that the disk is full', async () => {
    const { code, told } = await onFullDisk(args)
    expect(told).toContain(FULL)
    expect(told).not.toMatch(/node:|unexpected/)
    expect(code).toBe(1)
  })
})

describe.each(LOADS)('%s %s %s %s %s', (...args) => {
  it('tells stderr what it committed when the reader of stdout has left; the code is that of the load', async () => {
    const to = join(newFolder(), 'x.duckdb')
    const { code, stderr } = await unread([...args, '--to', `duckdb:${to}`])
    expect(stderr).toMatch(COMMITTED)
    expect(code).toBe(0)
    expect(await valueIn(to, 'SELECT count(*)::INTEGER FROM audit_events')).toBe(1)
  })

  it('tells stderr what it committed when the disk is full, and ends with 1', async () => {
    const to = join(newFolder(), 'x.duckdb')
    const { code, told } = await onFullDisk([...args, '--to', `duckdb:${to}`])
    expect(told).toMatch(COMMITTED)
    expect(told).toContain(FULL)
    expect(code).toBe(1)
    expect(await valueIn(to, 'SELECT count(*)::INTEGER FROM audit_events')).toBe(1)
  })

  it('loads when nobody reads stderr', async () => {
    const to = join(newFolder(), 'x.duckdb')
    const lost = await unread([...args, '--from', 'missing', '--to', `duckdb:${to}`], 'stderr')
    expect(lost.code).toBe(1)
    const full = await onFullDisk([...args, '--to', `duckdb:${to}`], 'stderr')
    expect(full.code).toBe(0)
    expect(await valueIn(to, 'SELECT count(*)::INTEGER FROM audit_events')).toBe(1)
  })
})

it('a load tells why it failed, although its summary cannot be written', async () => {
  const { code, told } = await onFullDisk(['load', '--from', 'new.ndjson', '--retain', '1d', '--output', 'json'])
  expect(told).toMatch(/^wandb-audit: --retain needs --archive/m)
  expect(code).toBe(2)
})

it('backfill tells what it committed, too', async () => {
  const api = await startWandbApi({ seed: 1, eventsPerDay: 20, renamedAt: null, key: 'key' })
  onTestFinished(() => api.close())
  const args = (name: string) => ['backfill', '--days', '1', '--from', api.url, '--to', `duckdb:${name}`]
  const env = { WANDB_API_KEY: 'key' }
  const closed = await unread(args('closed.duckdb'), 'stdout', env)
  expect([closed.code, closed.stderr]).toEqual([0, expect.stringMatching(/^documents: 2 loaded/m)])
  const full = await onFullDisk(args('full.duckdb'), 'stdout', env)
  expect([full.code, full.told]).toEqual([1, expect.stringMatching(/^documents: 2 loaded/m)])
})

it('demo ends quietly without a reader, and at once on a full disk', async () => {
  const closed = await unread(['demo'])
  expect(closed.stderr).not.toMatch(/wandb-audit: |Warning|at .*:\d+/)
  expect(closed.code).toBe(0)
  const full = await onFullDisk(['demo'])
  expect(full.told).toBe(`${FULL} free some space, or write it elsewhere.\n`)
  expect(full.code).toBe(1)
})

it('a command that fails has its code when nobody reads its message', async () => {
  expect((await unread(['status', '--to', 'duckdb:missing.duckdb'], 'stderr')).code).toBe(1)
  expect((await unread(['query'], 'stderr')).code).toBe(2)
  expect((await onFullDisk(['query'], 'stderr')).code).toBe(2)
})
