import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { startWandbApi, type WandbApi, type WandbApiOptions } from '../../../src/demo/wandb-api.js'
import { loadRange } from '../../../src/sources/api/days.js'
import { contentOf } from '../../support/rows.js'
import { DAY, eventsOf, listed, made, range, sourceOf, whole } from './support.js'
import { load, newSink } from './tables.js'

const apis: WandbApi[] = []
afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()))
})

async function start(options: WandbApiOptions): Promise<WandbApi> {
  const api = await startWandbApi(options)
  apis.push(api)
  return api
}

const ENDPOINT = 'https://acme.wandb.io/admin/audit_logs'
const receipts = (...entries: [string, string][]) =>
  new Map(entries.map(([query, version]) => [`${ENDPOINT}?${query}`, version]))

describe('loadRange', () => {
  const now = new Date('2026-03-05T12:00:00Z')

  test('the first run begins today', () => {
    expect(loadRange(now, [new Map()], DAY)).toEqual(range('2026-03-05', null))
  })

  test('a later one begins with the first day within the overlap', () => {
    const finished = receipts(['day=2026-03-03', 'final'], ['day=2026-03-04', 'final'])
    expect(loadRange(now, [finished], DAY)).toEqual(range('2026-03-04', null))
    expect(loadRange(now, [finished], 0)).toEqual(range('2026-03-05', null))
    expect(loadRange(now, [finished], 1.5 * DAY)).toEqual(range('2026-03-04', null))
    expect(loadRange(now, [finished], 1.6 * DAY)).toEqual(range('2026-03-03', null))
  })

  test('a day that was begun and not finished is gone back to, however long ago', () => {
    const begun = receipts(['day=2026-01-05', 'ab12'], ['day=2026-01-06', 'final'], ['day=2026-03-04', 'final'])
    expect(loadRange(now, [begun], DAY)).toEqual(range('2026-01-05', null))
  })

  test('a day that failed while later ones were loaded is gone back to', () => {
    const failed = receipts(['day=2026-03-01', 'final'], ['day=2026-03-03', 'final'], ['day=2026-03-04', 'final'])
    expect(loadRange(now, [failed], 0)).toEqual(range('2026-03-02', null))
  })

  test('documents of a classic server count with all their days', () => {
    const spans = receipts(['from=2026-02-01', 'ab12'], ['from=2026-02-01&to=2026-03-04&anonymize=true', 'final'])
    expect(loadRange(now, [spans], 0)).toEqual(range('2026-03-04', null))
    expect(loadRange(now, [spans], DAY)).toEqual(range('2026-03-04', null))
    expect(loadRange(now, [spans], 2 * DAY)).toEqual(range('2026-03-03', null))
  })

  test('a clock that went back does no harm', () => {
    expect(loadRange(now, [receipts(['day=2026-03-09', 'ab12'])], DAY)).toEqual(range('2026-03-05', null))
  })
})

/** What the pipeline does, without a warehouse: skips what it has, and remembers the version or that there was none. */
async function run(api: WandbApi, at: Date, kept: Map<string, string>, events: Set<string>): Promise<void> {
  const source = sourceOf(api, { now: () => at, overlapMs: DAY })
  for (const document of await listed(source, loadRange(at, [kept], DAY), [kept])) {
    if (document.version !== null && kept.get(document.id) === document.version) continue
    for (const event of eventsOf(await whole(document))) events.add(JSON.stringify(event))
    kept.set(document.id, document.version ?? 'a hash')
  }
  await source.close()
}

describe.each(['classic', 'current'] as const)('%s: runs one after the other', (dialect) => {
  test.each([
    ['over a month’s end', '2026-02-26', '2026-03-02'],
    ['over a year’s end', '2026-12-30', '2027-01-02'],
  ])('%s find every event, late ones too', async (_, first, end) => {
    let at = new Date(`${first}T00:00:01Z`)
    const api = await start({ dialect, eventsPerDay: 300, now: () => at })
    const kept = new Map<string, string>()
    const events = new Set<string>()
    for (; at.getTime() <= Date.parse(end) + DAY; at = new Date(at.getTime() + DAY / 2 - 1000)) {
      await run(api, at, kept, events)
    }
    const expected = new Set(made(first, end, 300).map((event) => JSON.stringify(event)))
    const found = [...events].filter(
      (event) => JSON.parse(event).timestamp >= first && JSON.parse(event).timestamp < end,
    )
    expect(found.length).toBe(expected.size)
    expect(found.every((event) => expected.has(event))).toBe(true)
  })

  test('a settled day is not fetched again before it has left the overlap', async () => {
    let at = new Date('2026-03-01T12:00:00Z')
    const api = await start({ dialect, eventsPerDay: 50, now: () => at })
    const kept = new Map<string, string>()
    for (const time of ['2026-03-01T12:00:00Z', '2026-03-02T12:00:00Z', '2026-03-03T12:00:00Z']) {
      at = new Date(time)
      await run(api, at, kept, new Set())
    }
    const askedAt = async (time: string) => {
      at = new Date(time)
      const before = api.requests.length
      await run(api, at, kept, new Set())
      const asked = api.requests.slice(before).filter(({ query }) => query.limit !== '1')
      return asked.map(({ range }) => range?.from.toISOString().slice(0, 10))
    }
    const asked = await askedAt('2026-03-03T12:10:00Z')
    expect(asked).toEqual(['2026-03-03'])
    expect((await askedAt('2026-03-04T00:00:00Z'))[0]).toBe('2026-03-02')
    expect((await askedAt('2026-03-04T00:10:00Z'))[0]).toBe('2026-03-03')
  })
})

test.each(['classic', 'current'] as const)(
  '%s: an event that became known after its day had settled is found once the overlap has passed',
  async (dialect) => {
    let at = new Date('2026-03-02T02:00:00Z')
    const late = '{"timestamp":"2026-03-01T23:59:59Z","action":"user:login","actor_user_id":1}'
    const lines = (until: string): string[] => (at >= new Date(until) ? [late, late] : [late])
    const server = createServer((request, response) => {
      const query = new URL(request.url ?? '', 'http://x').searchParams
      const day = query.get('startDate') ?? ''
      const known = dialect === 'classic' || day === '2026-03-01' ? lines('2026-03-02T02:10:00Z') : []
      response.setHeader('date', at.toUTCString())
      if (dialect === 'classic') response.end(known.map((line) => `${line}\n`).join(''))
      else response.end(`{"audit_logs":[${known}],"count":${known.length},"next_cursor":null}`)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sink = newSink()
    const loaded = async (time: string): Promise<number> => {
      at = new Date(time)
      const port = (server.address() as AddressInfo).port
      const source = sourceOf({ url: `http://127.0.0.1:${port}` }, { now: () => at, overlapMs: DAY })
      const days = loadRange(at, [await sink.receipts(source.id)], DAY)
      expect((await load(sink, source, days)).failed).toEqual([])
      const { audit_events: events = [] } = await contentOf(sink)
      return events.length
    }
    await sink.prepare()
    await load(
      sink,
      sourceOf({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, { now: () => at }),
      range('2026-03-01', null),
    )
    expect(await loaded('2026-03-02T02:00:00Z')).toBe(1)
    expect(await loaded('2026-03-03T00:00:00Z')).toBe(2)
    expect(await loaded('2026-03-03T00:10:00Z')).toBe(2)
    await sink.close()
    server.close()
  },
)

describe('around midnight UTC', () => {
  const days = async (api: WandbApi, here: string, from: string) => {
    const documents = await listed(sourceOf(api, { now: () => new Date(here) }), range(from, null))
    return documents.map(({ id, version }) => [id.slice(-10), version])
  }

  test.each([
    ['2026-12-31T23:59:59Z', [['2026-12-31', null]]],
    [
      '2027-01-01T00:00:01Z',
      [
        ['2026-12-31', null],
        ['2027-01-01', null],
      ],
    ],
    [
      '2027-01-01T02:00:00Z',
      [
        ['2026-12-31', 'final'],
        ['2027-01-01', null],
      ],
    ],
  ])('at %s', async (here, expected) => {
    const api = await start({ now: () => new Date(here) })
    expect(await days(api, here, '2026-12-31')).toEqual(expected)
  })

  test('no day is finished before it is so by both clocks, and none is missing by either', async () => {
    const behind = await start({ now: () => new Date('2026-12-31T23:59:59Z') })
    expect(await days(behind, '2027-01-01T03:00:00Z', '2026-12-31')).toEqual([
      ['2026-12-31', null],
      ['2027-01-01', null],
    ])
    const ahead = await start({ now: () => new Date('2027-01-01T03:00:00Z') })
    expect(await days(ahead, '2026-12-31T23:59:59Z', '2026-12-31')).toEqual([
      ['2026-12-31', null],
      ['2027-01-01', null],
    ])
  })

  test('today is that of the clock that is behind, and never further back than yesterday', async () => {
    const behind = await start({ now: () => new Date('2026-12-31T23:59:59Z') })
    expect(await days(behind, '2027-01-01T00:00:01Z', '2027-01-01')).toEqual([
      ['2026-12-31', null],
      ['2027-01-01', null],
    ])
    const farBehind = await start({ now: () => new Date('2026-01-01T00:00:00Z') })
    expect(await days(farBehind, '2027-01-01T00:00:01Z', '2027-01-01')).toEqual([
      ['2026-12-31', null],
      ['2027-01-01', null],
    ])
  })

  test('a server whose clock is years ahead is not asked for years', async () => {
    const api = await start({ now: () => new Date('2036-01-01T00:00:00Z') })
    expect(await days(api, '2026-12-31T12:00:00Z', '2026-12-31')).toEqual([
      ['2026-12-31', null],
      ['2027-01-01', null],
    ])
  })

  test.each(['2026-02-28T23:59:59Z', '2026-03-01T00:00:01Z'])(
    'a classic server whose day turns between listing and fetching loses nothing, at %s',
    async (here) => {
      let there = new Date(here)
      const api = await start({ dialect: 'classic', eventsPerDay: 100, now: () => there })
      const [document] = await listed(sourceOf(api, { now: () => new Date(here) }), range('2026-02-28', null))
      there = new Date(there.getTime() + 2000)
      if (document === undefined) throw new Error('nothing listed')
      const first = eventsOf(await whole(document)).filter(({ timestamp }) => timestamp.startsWith('2026-02-28'))
      expect(first.length).toBeGreaterThanOrEqual(98)
    },
  )
})

test.each(['Pacific/Kiritimati', 'America/Los_Angeles'])(
  'the days are those of UTC on a machine in %s',
  async (zone) => {
    const api = await start({ eventsPerDay: 50, now: () => new Date('2026-03-01T00:30:00Z') })
    const script = `
    import { apiSource } from './src/sources/api/source.ts'
    import { loadRange } from './src/sources/api/days.ts'
    const now = () => new Date('2026-03-01T00:30:00Z')
    const credentials = { username: 'api', key: 'local-demo-key' }
    const source = apiSource({ baseUrl: process.argv[1], credentials, now })
    const kept = new Map([[source.id + '?day=2026-02-27', 'final']])
    const told = [String(new Date(0).getTimezoneOffset())]
    for await (const { id, version } of source.list(loadRange(now(), [kept], 86_400_000), new AbortController().signal))
      told.push(id.slice(-10) + ' ' + version)
    await source.close()
    process.stdout.write(told.join('\\n'))`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script, api.url]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, TZ: zone } })
    const [offset, ...days] = stdout.split('\n')
    expect(offset).not.toBe('0')
    expect(days).toEqual(['2026-02-28 null', '2026-03-01 null'])
  },
)

test('a server that sends other hours than its page says is asked for whole days', async () => {
  const at = new Date('2026-03-05T12:00:00Z')
  const line = (time: string): string => `{"timestamp":"2026-03-05T${time}Z","action":"user:login"}`
  const asked: string[] = []
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams
    const [from = '', to = ''] = [query.get('startDate') ?? '', query.get('endDate') ?? '']
    asked.push(from.slice(5))
    const isToday = from.startsWith('2026-03-05')
    // It takes the hours for those of another time zone.
    const events = !isToday ? [] : from.includes('T') ? [line('09:50:00')] : [line('09:50:00'), line('11:50:00')]
    const range = `"range_start_time":"${from}Z","range_end_time":"${to}Z"`
    response.setHeader('date', at.toUTCString())
    response.end(`{"audit_logs":[${events}],"count":${events.length},"next_cursor":null,${range}}`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const source = sourceOf({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, { now: () => at })
  const kept = new Map([[`${source.id}?day=2026-03-05`, 'until=11:40:00 hours=10 sha256=C']])
  const [document] = await listed(source, range('2026-03-05', null), [kept])
  if (document === undefined) throw new Error('nothing is listed')
  // 11:50 is not complete yet, and 09:50 was read.
  expect(await whole(document)).toBe('')
  expect(asked).toEqual(['02-26T01:00:00', '03-05T11:40:00', '03-05'])
  expect(document.version).toBe('until=11:40:00 hours=10 sha256=C')
  await source.close()
  server.close()
})
