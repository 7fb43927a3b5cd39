import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { repeatEvery } from '../../src/cli/every.js'
import { ndjson, newFolder, run, runProgram, spoolsOf, start, valueIn } from './support.js'

const LOGIN = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }
const LOGOUT = { timestamp: '2026-10-01T12:34:57Z', action: 'user:logout' }

describe('load --every', () => {
  it('sees what is new in later runs, and ends cleanly between two', async () => {
    const cwd = newFolder()
    mkdirSync(join(cwd, 'logs'))
    writeFileSync(join(cwd, 'logs/a.ndjson'), ndjson(LOGIN))
    const { child, result, written } = start(['load', '--from', 'logs', '--every', '1s'], { cwd })
    await written(/read 1 = 1 inserted/)
    writeFileSync(join(cwd, 'logs/.b.ndjson'), ndjson(LOGOUT))
    renameSync(join(cwd, 'logs/.b.ndjson'), join(cwd, 'logs/b.ndjson'))
    await written(/1 loaded, 1 skipped[\s\S]*read 1 = 1 inserted/)
    child.kill('SIGTERM')
    expect((await result).code).toBe(0)
    expect(spoolsOf(cwd)).toEqual([])
    expect(await valueIn(join(cwd, 'audit.duckdb'), 'SELECT count(*) FROM audit_events')).toBe(2n)
  })

  it('goes on after a run that failed', async () => {
    const cwd = newFolder()
    const { child, result, written } = start(['load', '--from', 'logs', '--every', '1s'], { cwd })
    await written(/no file at logs/)
    mkdirSync(join(cwd, '.new'))
    writeFileSync(join(cwd, '.new/a.ndjson'), ndjson(LOGIN))
    renameSync(join(cwd, '.new'), join(cwd, 'logs'))
    await written(/read 1 = 1 inserted/)
    child.kill('SIGTERM')
    expect((await result).code).toBe(0)
  })

  it.each([{ every: '0s' }, { every: 'often' }])('refuses $every', async ({ every }) => {
    const { code, stderr } = await run(['load', '--from', '.', '--every', every])
    expect(code).toBe(2)
    expect(stderr).toContain('every')
  })

  it('does not wait for wrong usage to mend itself', async () => {
    const { code, stderr } = await runProgram(['load', '--from', 'ftp://host/logs', '--every', '1s'])
    expect(code).toBe(2)
    expect(stderr).toContain('no source has an address like')
  })
})

describe('repeatEvery', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  const MINUTE = 60_000

  it('starts each run so long after the start of the one before, and none while one is going', async () => {
    vi.useFakeTimers({ now: new Date('2026-12-31T23:59:59.500Z') })
    const started = Date.now()
    const minutes: number[] = []
    const stop = new AbortController()
    const run = async () => {
      minutes.push(Math.round((Date.now() - started) / MINUTE))
      // The third one takes longer than it should.
      await new Promise((resolve) => setTimeout(resolve, minutes.length === 3 ? 15 * MINUTE : MINUTE))
      return 0 as const
    }
    const ended = repeatEvery(10 * MINUTE, run, stop.signal)
    await vi.advanceTimersByTimeAsync(58 * MINUTE)
    stop.abort()
    expect(await ended).toBe(0)
    expect(minutes).toEqual([0, 10, 20, 35, 45, 55])
  })
})
