import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { writeBucket } from '../../src/demo/bucket.js'
import { eventsIn } from '../../src/demo/wandb-api/world.js'
import { startWandbApi, type WandbApi, type WandbApiOptions } from '../../src/demo/wandb-api.js'
import { contentsOf, inDatabase, newFolder, run, runProgram, start, summaryOf, valueIn } from './support.js'

const DAY_MS = 86_400_000
const KEY = 'key-of-the-tests'
const ENV = { WANDB_API_KEY: KEY }
const EVENTS = 'SELECT count(*) FROM audit_events'

const servers: WandbApi[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function serve(options: WandbApiOptions = {}): Promise<WandbApi> {
  const server = await startWandbApi({ key: KEY, eventsPerDay: 40, ...options })
  servers.push(server)
  return server
}

const dayText = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** The days asked for from the n-th request on, in their order; the question which dialect a server speaks has limit 1. */
const daysAsked = ({ requests }: WandbApi, from = 0): (string | undefined)[] =>
  requests
    .slice(from)
    .filter(({ query }) => query.limit !== '1')
    .map(({ query }) => query.startDate)

/** 15 to 20 October as a server knows them at noon of the 20th: the last one is not finished. */
const OCTOBER = ['2026-10-15', '2026-10-16', '2026-10-17', '2026-10-18', '2026-10-19', '2026-10-20']
const NOON = new Date('2026-10-20T12:00:00Z')
const octoberFrom = ({ url }: WandbApi): string[] => [
  ...['backfill', '--from', url],
  ...['--since', '2026-10-15', '--until', '2026-10-21'],
]

describe('backfill', () => {
  it('--days fetches each day oldest first, and finished ones only once', async () => {
    const cwd = newFolder()
    const yesterday = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2)
    const api = await serve({ now: () => yesterday })
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS
    const backfill = ['backfill', '--days', '5', '--from', api.url]
    const first = await summaryOf(backfill, { cwd, env: ENV })
    expect(first).toMatchObject({ documents: 6, skipped: 0, failed: [] })
    const days = [5, 4, 3, 2, 1, 0].map((ago) => dayText(today - ago * DAY_MS))
    expect(daysAsked(api)).toEqual(days)
    const asked = api.requests.length
    const second = await summaryOf(backfill, { cwd, env: ENV })
    expect(daysAsked(api, asked)).toEqual(days.slice(4))
    expect(second).toMatchObject({ documents: 0, skipped: 6 })
  })

  it('--since and --until take these days alone, and --refetch all of them again', async () => {
    const cwd = newFolder()
    const api = await serve({ now: () => NOON })
    const first = await summaryOf(octoberFrom(api), { cwd, env: ENV })
    expect(daysAsked(api)).toEqual(OCTOBER)
    const asked = api.requests.length
    const again = await summaryOf([...octoberFrom(api), '--refetch'], { cwd, env: ENV })
    expect(daysAsked(api, asked)).toEqual(OCTOBER)
    const { inserted } = first.sinks[0] ?? {}
    expect(again.sinks[0]).toMatchObject({ read: inserted, inserted: 0, enriched: 0, unchanged: inserted })
  })

  it.each(['SIGINT', 'SIGKILL'] as const)('stopped by %s goes on with the days that are missing', async (signal) => {
    const cwd = newFolder()
    const undisturbed = await serve({ now: () => NOON })
    await summaryOf([...octoberFrom(undisturbed), '--to', 'duckdb:undisturbed.duckdb'], { cwd, env: ENV })

    let requests = 0
    let stop = (): unknown => undefined
    const now = (): Date => {
      requests++
      if (requests === 5) stop()
      return NOON
    }
    const api = await serve({ now, faults: [null, null, null, null, { kind: 'stall', afterBytes: 100 }] })
    const { child, result } = start(octoberFrom(api), { cwd, env: ENV })
    stop = () => child.kill(signal)
    expect((await result).code).toBe(signal === 'SIGINT' ? 130 : null)

    const path = join(cwd, 'audit.duckdb')
    const finished = await inDatabase(path, "SELECT document FROM audit_documents WHERE document_version = 'final'")
    const loaded = finished.map(([document]) => String(document).slice(-10))
    const asked = api.requests.length
    await summaryOf(octoberFrom(api), { cwd, env: ENV })
    expect(daysAsked(api, asked)).toEqual(OCTOBER.filter((day) => !loaded.includes(day)))
    expect(await eventsAndRejects(path)).toEqual(await eventsAndRejects(join(cwd, 'undisturbed.duckdb')))
  })

  it.each([
    { args: ['--days', '3', '--since', '2026-10-01'], says: '--days' },
    { args: [], says: '--since' },
    { args: ['--since', '2026-02-30'], says: '--since is not a day' },
    { args: ['--since', '01.10.2026'], says: 'YYYY-MM-DD' },
    { args: ['--since', '2026-10-02', '--until', '2026-10-02'], says: '--until' },
    { args: ['--days', '-1'], says: '--days' },
    { args: ['--days', '99999999999'], says: '--days is more than' },
    { args: ['--since', '0001-01-01'], says: '--since is more than' },
    { args: ['--since', '9999-01-01'], says: 'future' },
  ])('refuses $args', async ({ args, says }) => {
    const { code, stderr } = await run(['backfill', '--from', 'http://127.0.0.1:1', ...args], { env: ENV })
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })

  it('without a key says how to get one', async () => {
    const { code, stderr } = await run(['backfill', '--days', '1', '--from', 'http://127.0.0.1:1'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/no API key for 127\.0\.0\.1\n.*WANDB_API_KEY.*wandb login/)
  })

  it('finds the key in ~/.netrc, the server in WANDB_BASE_URL, and the user in --username', async () => {
    const cwd = newFolder()
    const api = await serve({ username: 'ada', now: () => NOON })
    writeFileSync(join(cwd, '.netrc'), `machine 127.0.0.1\n  login user\n  password ${KEY}\n`)
    const backfill = ['backfill', '--since', '2026-10-15', '--until', '2026-10-16', '--username', 'ada']
    const summary = await summaryOf(backfill, { cwd, env: { WANDB_BASE_URL: api.url } })
    expect(summary).toMatchObject({ documents: 1 })
  })

  it.each(['Pacific/Kiritimati', 'America/Los_Angeles'])('asks for the same UTC days in %s', async (zone) => {
    const cwd = newFolder()
    const api = await serve({ now: () => NOON })
    await summaryOf(octoberFrom(api), { cwd, env: { ...ENV, TZ: zone } }, runProgram)
    expect(daysAsked(api)).toEqual(OCTOBER)
    const days = await inDatabase(
      join(cwd, 'audit.duckdb'),
      `SELECT DISTINCT "timestamp"::DATE::VARCHAR AS day FROM audit_events ORDER BY day`,
    )
    expect(days.flat()).toEqual(OCTOBER)
    const { stdout } = await runProgram(
      ['query', 'SELECT min("timestamp") AS first FROM audit_events', '--format', 'csv'],
      {
        cwd,
        env: { TZ: zone },
      },
    )
    expect(stdout).toBe('first\r\n2026-10-15T00:00:00Z\r\n')
  })
})

describe('load from the API', () => {
  it('reads today at first', async () => {
    const cwd = newFolder()
    const api = await serve()
    const before = dayText(Date.now())
    await summaryOf(['load', '--from', api.url], { cwd, env: ENV })
    expect([[before], [dayText(Date.now())]]).toContainEqual(daysAsked(api))
  })
})

describe('the same days', () => {
  /** All runs and servers see the world at this instant, whatever day it is by the time they end. */
  const now = new Date()
  const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS
  const DAYS = 10
  const since = today - DAYS * DAY_MS
  const size = { seed: 6, eventsPerDay: 400 }
  const world = { ...size, renamedAt: null }
  const made = [...eventsIn(world, { from: since, to: today, asOf: now.getTime(), anonymize: true })]
  const inRange = `"timestamp" >= '${dayText(since)}' AND "timestamp" < '${dayText(today)}'`

  it('are the same events through every dialect, without names, and from files', async () => {
    expect(new Set(made).size).toBeLessThan(made.length)
    const cwd = newFolder()
    const ways: string[][] = []
    for (const dialect of ['classic', 'current', 'multi-tenant'] as const) {
      const { url } = await serve({ ...size, renamedAt: new Date(0), dialect, now: () => now })
      const backfill = ['backfill', '--since', dayText(since), '--from', url]
      if (dialect === 'multi-tenant') backfill.push('--api', dialect)
      ways.push(backfill)
      if (dialect === 'current') ways.push([...backfill, '--anonymize'])
    }
    await writeBucket(join(cwd, 'bucket'), world, DAYS, now)
    ways.push(['load', '--from', 'bucket'])

    const inserted = []
    for (const way of ways) {
      const { sinks, failed } = await summaryOf(way, { cwd, env: ENV })
      expect(failed).toEqual([])
      inserted.push(sinks[0]?.inserted)
    }
    // The first way brings today with it, as far as it goes; all others are the same events once more.
    expect(inserted).toEqual([expect.any(Number), ...ways.slice(1).map(() => 0)])
    const path = join(cwd, 'audit.duckdb')
    expect(await valueIn(path, `${EVENTS} WHERE ${inRange}`)).toBe(BigInt(made.length))
    expect(await valueIn(path, `${EVENTS} WHERE ${inRange} AND actor_email IS NULL`)).toBe(0n)
  })

  it('from files first get their names from the API', async () => {
    const cwd = newFolder()
    const { url } = await serve({ ...size, now: () => now })
    await writeBucket(join(cwd, 'bucket'), world, DAYS, now)
    await summaryOf(['load', '--from', 'bucket'], { cwd })
    const backfill = ['backfill', '--since', dayText(since), '--until', dayText(today), '--from', url]
    const { sinks } = await summaryOf(backfill, { cwd, env: ENV })
    expect(sinks[0]).toMatchObject({ read: made.length, inserted: 0, enriched: made.length, unchanged: 0 })
  })
})

/** Without the receipts, which name the server and its port. */
const eventsAndRejects = async (path: string) => (await contentsOf(path)).slice(0, 2)
