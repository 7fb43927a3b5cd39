import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { holdFile, letGo } from '../support/hold.js'
import {
  inCheckout,
  inDatabase,
  ndjson,
  newFolder,
  type Result,
  type Running,
  runProgram,
  spoolsOf,
  start,
  valueIn,
} from './support.js'

const MORTAL = { NODE_OPTIONS: `--import=${pathToFileURL(inCheckout('test/support/mortal.mjs'))}` }
const event = (id: number, action = 'user:login') => ({ timestamp: '2026-10-01T12:34:56Z', action, actor_user_id: id })

/** A folder with these documents below `logs`. */
function folderOf(documents: Readonly<Record<string, readonly unknown[]>>): string {
  const cwd = newFolder()
  mkdirSync(join(cwd, 'logs'))
  for (const [name, lines] of Object.entries(documents)) writeFileSync(join(cwd, 'logs', name), ndjson(...lines))
  return cwd
}

const LOAD = ['load', '--from', 'logs', '--output', 'json']
const deaths = ({ stderr }: Result): number => stderr.split('a process dies').length - 1
const actorsIn = async (cwd: string): Promise<number[]> =>
  (await inDatabase(join(cwd, 'audit.duckdb'), 'SELECT actor_user_id::INTEGER FROM audit_events ORDER BY ALL')).map(
    ([id]) => Number(id),
  )
const rejectsIn = (cwd: string) =>
  inDatabase(
    join(cwd, 'audit.duckdb'),
    'SELECT parse_filename(source_document), source_line::INTEGER, reason, message FROM audit_rejects ORDER BY ALL',
  )

/** The process that does the work of one that was started. */
const workerOf = ({ child }: Running): number =>
  Number(execFileSync('ps', ['-o', 'pid=', '--ppid', String(child.pid)], { encoding: 'utf8' }).trim())

describe('a line that kills the process', () => {
  it.each([
    ['segfault', 'SIGSEGV'],
    ['abort', 'SIGABRT'],
    ['heap', 'SIGABRT'],
    ['exit', 'exit code 7'],
  ])(
    '(%s) is set aside with its reason, and everything else is loaded in the same run',
    async (how, told) => {
      const good = Array.from({ length: 30 }, (_, i) => event(i))
      const cwd = folderOf({
        a: good.slice(0, 10),
        b: [...good.slice(10, 20), event(99, `dies-of-${how}`), 'no json', ...good.slice(20, 25)],
        c: good.slice(25),
      })
      const env = { NODE_OPTIONS: `${MORTAL.NODE_OPTIONS} --max-old-space-size=100` }
      const result = await runProgram(LOAD, { cwd, env })
      expect(result.code).toBe(0)
      const { documents, failed, sinks } = JSON.parse(result.stdout)
      expect({ documents, failed }).toEqual({ documents: 3, failed: [] })
      expect(sinks).toMatchObject([{ error: null, read: 32, inserted: 30, unchanged: 0, rejected: 2 }])
      expect(await actorsIn(cwd)).toEqual(good.map(({ actor_user_id }) => actor_user_id))
      expect(await rejectsIn(cwd)).toEqual([
        ['b', 11, 'engine_refused', `the process that worked on it ended with ${told}`],
        ['b', 12, 'not_json', expect.anything()],
      ])
      // The batch, a half with it, the document twice, and the line.
      expect(deaths(result)).toBeLessThanOrEqual(6)
      expect(spoolsOf(cwd)).toEqual([])
      expect(JSON.parse((await runProgram(LOAD, { cwd, env: MORTAL })).stdout)).toMatchObject({
        documents: 0,
        skipped: 3,
      })
    },
    180_000,
  )

  it('in a sink is set aside there', async () => {
    const cwd = folderOf({ a: [event(1), event(2)], b: [event(3), event(98, 'dies-in-sink'), event(4)], c: [event(5)] })
    const result = await runProgram([...LOAD, '--to', 'parquet:lake', '--to', 'duckdb:audit.duckdb'], {
      cwd,
      env: MORTAL,
    })
    expect(result.code).toBe(0)
    const { documents, failed, sinks } = JSON.parse(result.stdout)
    expect({ documents, failed }).toEqual({ documents: 3, failed: [] })
    expect(sinks).toMatchObject([
      { error: null, read: 6, inserted: 6, rejected: 0 },
      { error: null, read: 6, inserted: 5, unchanged: 0, rejected: 1 },
    ])
    expect(await actorsIn(cwd)).toEqual([1, 2, 3, 4, 5])
    expect(await rejectsIn(cwd)).toMatchObject([['b', 2, 'sink_refused', expect.stringContaining('SIGSEGV')]])
    expect((await runProgram(['rejects', '--raw'], { cwd })).stdout).toBe(ndjson(event(98, 'dies-in-sink')))
  }, 180_000)

  it('is one of several, in several documents', async () => {
    const documents = Object.fromEntries(
      Array.from({ length: 8 }, (_, i) => [
        `d${i}`,
        [event(i), ...(i % 3 === 0 ? [event(90 + i, 'dies-of-segfault')] : [])],
      ]),
    )
    const cwd = folderOf(documents)
    const result = await runProgram(LOAD, { cwd, env: MORTAL })
    expect(result.code).toBe(0)
    expect(await actorsIn(cwd)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect((await rejectsIn(cwd)).map(([document]) => document)).toEqual(['d0', 'd3', 'd6'])
  }, 180_000)
})

describe('reconcile, of a line that kills the process,', () => {
  it('reads everything else again, and finds a reject gone that the load made of it', async () => {
    const deadly = event(99, 'dies-of-segfault')
    const cwd = folderOf({ a: [event(1), event(2)], b: [event(3), deadly, 'no json'], c: [event(5)] })
    await runProgram(LOAD, { cwd, env: MORTAL })
    await inDatabase(join(cwd, 'audit.duckdb'), "DELETE FROM audit_rejects WHERE reason = 'engine_refused'")
    const days = ['--since', '2026-10-01', '--until', '2026-10-02']
    const reconcile = ['reconcile', '--from', 'logs', ...days, '--max-rejects', '9', '--output', 'json']
    const result = await runProgram(reconcile, { cwd, env: MORTAL })
    expect(result.code, result.stderr).toBe(4)
    expect(deaths(result)).toBeGreaterThan(1)
    const report = JSON.parse(result.stdout)
    expect(report).toMatchObject({ complete: true, hours: [], rejects: [{ in_source: 2, in_sink: 1 }] })
    expect(report.days[0].counts).toMatchObject([{ events: 4 }, { events: 4 }])
    expect(spoolsOf(cwd)).toEqual([])
  }, 180_000)
})

describe('a document that kills the process', () => {
  it.each([
    [
      'a',
      'whatever half of it is left out',
      [event(1, 'dies-of-pair'), event(2, 'dies-of-pair')],
      /^transforming .*a failed: .*SIGSEGV/,
    ],
    ['dies-when-read', 'while it is landing', [event(1)], /^landing .*dies-when-read failed: .*SIGSEGV/],
  ])(
    '(%s) %s fails by name, and no other',
    async (name, _when, lines, error) => {
      const cwd = folderOf({ [name]: lines, z: [event(3)] })
      const result = await runProgram(LOAD, { cwd, env: MORTAL })
      expect(result.code).toBe(1)
      expect(JSON.parse(result.stdout)).toMatchObject({
        documents: 1,
        failed: [{ document: join(cwd, 'logs', name), error: expect.stringMatching(error) }],
        sinks: [{ error: null, read: 1 }],
      })
      expect(await actorsIn(cwd)).toEqual([3])
    },
    180_000,
  )

  it('and came by standard input cannot be read again, and says so', async () => {
    const stdin = ndjson(event(1), event(2, 'dies-of-segfault'))
    const result = await runProgram(['load', '--from', '-', '--output', 'json'], { stdin, env: MORTAL })
    expect(result.code).toBe(1)
    expect(JSON.parse(result.stdout).failed).toMatchObject([
      {
        document: 'stdin',
        error: expect.stringMatching(/cannot be read again/),
        advice: expect.stringMatching(/file/),
      },
    ])
  })
})

describe('a detection that kills the process', () => {
  it('fails by name, the others report, and the run says what it has loaded', async () => {
    const at = new Date(Date.now() - 5000).toISOString()
    const cwd = folderOf({
      a: [
        { timestamp: at, action: 'team:create_service_account', actor_user_id: 7, user_asset: 8 },
        ...Array.from({ length: 6 }, () => ({
          timestamp: at,
          action: 'user:login',
          response_code: 401,
          actor_ip: '203.0.113.9',
        })),
        { timestamp: at, action: 'user:login', response_code: 200, actor_ip: '203.0.113.9', actor_user_id: 7 },
      ],
    })
    const env = {
      ...MORTAL,
      WANDB_AUDIT_DETECTIONS: '{admin_outside_hours: {enabled: false}}',
      DIES_OF_QUERY: 'team:create_service_account',
    }
    const result = await runProgram([...LOAD, '--check', '--metrics', 'm.prom'], { cwd, env })
    expect(result.code, result.stderr).toBe(1)
    expect(result.stderr).toMatch(/duckdb:audit\.duckdb: service_account_created .*ended with SIGSEGV/)
    expect(deaths(result)).toBe(2)
    const lines = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toMatchObject([{ detection: 'login_after_refusals' }, { sinks: [{ inserted: 8 }] }])
    expect(readFileSync(join(cwd, 'm.prom'), 'utf8')).toContain('last_run_exit_code{command="load"} 1')
  }, 180_000)
})

describe('the process that does the work', () => {
  it('killed in the middle is followed by another one, which goes on', async () => {
    const cwd = folderOf({ a: [event(1)], b: [event(2)] })
    const holder = await holdFile(join(cwd, 'audit.duckdb'), 'CREATE TABLE theirs (i INTEGER)')
    const running = start(LOAD, { cwd })
    await running.written(/waiting for the DuckDB file/)
    process.kill(workerOf(running), 'SIGKILL')
    await running.written(/waiting for the DuckDB file[\s\S]*waiting for the DuckDB file/)
    await letGo(holder)
    const { code, stdout } = await running.result
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      documents: 2,
      skipped: 0,
      failed: [],
      sinks: [{ inserted: 2, unchanged: 0 }],
    })
    expect(spoolsOf(cwd)).toEqual([])
  })

  it('ends by itself when the one that started it is killed, and the next run goes on', async () => {
    const cwd = newFolder()
    const running = start(['load', '--from', '-'], { cwd })
    await new Promise((resolve) => running.child.stdin?.write(ndjson(...Array(5000).fill(event(1))), resolve))
    expect(spoolsOf(cwd)).toHaveLength(1)
    running.child.kill('SIGKILL')
    // Its output is at an end only when both processes are gone.
    expect((await running.result).code).toBe(null)
    expect(spoolsOf(cwd)).toEqual([])
    expect((await runProgram(['load', '--from', '-'], { cwd, stdin: ndjson(event(1)) })).code).toBe(0)
    expect(await actorsIn(cwd)).toEqual([1])
  })

  it('that dies before it has done anything is not started for ever', async () => {
    const hook = `if (process.send) { process.stderr.write('a process dies'); process.exit(9) }`
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` }
    const result = await runProgram(LOAD, { cwd: folderOf({ a: [event(1)] }), env })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain('ended with exit code 9 before it did any')
    expect(deaths(result)).toBe(3)
  })

  it('is told of one Ctrl-C once, though the terminal sends it to both', async () => {
    const cwd = newFolder()
    const { child, result } = start(['load', '--from', '-'], { cwd, ownGroup: true })
    await new Promise((resolve) => child.stdin?.write(ndjson(...Array(5000).fill(event(1))), resolve))
    process.kill(-(child.pid ?? 0), 'SIGINT')
    const { code, stdout, stderr } = await result
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr.match(/interrupted: undoing/g)).toHaveLength(1)
    expect(spoolsOf(cwd)).toEqual([])
  })

  it('passes on what it ends with', async () => {
    const cwd = folderOf({ a: [event(1), 'no json'] })
    expect((await runProgram(['load', '--from', 'logs', '--max-rejects', '0'], { cwd })).code).toBe(3)
    expect((await runProgram(['load', '--from', 'missing'], { cwd })).code).toBe(1)
    expect((await runProgram(['load', '--nonsense'], { cwd })).code).toBe(2)
    expect((await runProgram(['backfill'], { cwd })).code).toBe(2)
  })

  it('dies in one turn of --every, and the next turns go on', async () => {
    const cwd = folderOf({ a: [event(1), event(2, 'dies-of-segfault')] })
    const { child, result, written } = start(['load', '--from', 'logs', '--every', '1s'], { cwd, env: MORTAL })
    await written(/read 2 = 1 inserted \+ 0 enriched \+ 0 unchanged \+ 1 rejected/)
    writeFileSync(join(cwd, 'logs/b'), ndjson(event(3)))
    await written(/1 loaded, 1 skipped/)
    child.kill('SIGTERM')
    expect((await result).code).toBe(0)
    expect(await valueIn(join(cwd, 'audit.duckdb'), 'SELECT count(*) FROM audit_events')).toBe(2n)
  }, 180_000)
})
