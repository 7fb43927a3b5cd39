import { afterEach, describe, expect, test } from 'vitest'
import { startWandbApi, type WandbApi, type WandbApiOptions } from '../../src/demo/wandb-api.js'

const apis: WandbApi[] = []
afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()))
})

const now = () => new Date('2026-03-05T12:00:00Z')

async function start(options: WandbApiOptions): Promise<WandbApi> {
  const api = await startWandbApi({ eventsPerDay: 100, now, ...options })
  apis.push(api)
  return api
}

const login = `Basic ${Buffer.from('api:local-demo-key').toString('base64')}`

function ask(api: WandbApi, path: string, authorization = login): Promise<Response> {
  return fetch(api.url + path, { headers: { authorization } })
}

/** The days served, first and last, and how many events. */
async function lines(response: Response): Promise<[string, string, number]> {
  const events = (await response.text()).trimEnd().split('\n')
  const day = (line = '{}') => String(JSON.parse(line).timestamp).slice(0, 10)
  return [day(events[0]), day(events.at(-1)), events.length]
}

describe('classic', () => {
  test('serves lines from so many days ago to now, whatever startDate says', async () => {
    const api = await start({ dialect: 'classic' })
    expect(await lines(await ask(api, '/admin/audit_logs'))).toEqual(['2026-03-05', '2026-03-05', 51])
    const asked = await lines(
      await ask(api, '/admin/audit_logs?numDays=2&startDate=2026-01-01&endDate=2026-01-02&limit=1'),
    )
    expect(asked).toEqual(['2026-03-03', '2026-03-05', 251])
  })
})

describe('current', () => {
  test('serves lines without limit and endDate', async () => {
    const api = await start({})
    const answer = await ask(api, '/admin/audit_logs?startDate=2026-02-27&numDays=2')
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
    expect(await lines(answer)).toEqual(['2026-02-27', '2026-03-01', 300])
    expect((await lines(await ask(api, '/admin/audit_logs?numDays=1')))[0]).toBe('2026-03-04')
    expect(await lines(await ask(api, '/admin/audit_logs?startDate=2026-03-01'))).toEqual([
      '2026-03-01',
      '2026-03-01',
      100,
    ])
  })

  test('serves pages with either, down to the second', async () => {
    const api = await start({})
    const answer = await ask(api, '/admin/audit_logs?startDate=2026-03-01T06&endDate=2026-03-01T18:00:00')
    expect(await answer.json()).toMatchObject({
      count: 50,
      next_cursor: null,
      range_start_time: '2026-03-01T06:00:00Z',
      range_end_time: '2026-03-01T18:00:00Z',
    })
  })

  test.each([
    'endDate=2026-03-01&numDays=1',
    'limit=20001',
    'limit=0',
    'cursor=abc',
    'limit=1&cursor=abc',
    'startDate=yesterday',
    'numDays=-1',
  ])('refuses %s', async (query) => {
    expect((await ask(await start({}), `/admin/audit_logs?${query}`)).status).toBe(400)
  })

  test('refuses a cursor for another range or anonymize than it was given for', async () => {
    const api = await start({})
    const path = '/admin/audit_logs?startDate=2026-03-01&limit=10'
    const { next_cursor: cursor } = (await (await ask(api, path)).json()) as { next_cursor: string }
    expect((await ask(api, `${path}&cursor=${cursor}`)).status).toBe(200)
    expect((await ask(api, `${path}&cursor=${cursor}&anonymize=true`)).status).toBe(400)
    expect((await ask(api, `${path.replace('03-01', '03-02')}&cursor=${cursor}`)).status).toBe(400)
  })
})

test('multi-tenant cuts numDays to 7 and has no anonymize', async () => {
  const api = await start({ dialect: 'multi-tenant' })
  const answer = await ask(api, '/audit_logs?startDate=2026-02-01&numDays=20&anonymize=true')
  const page = (await answer.json()) as { range_end_time: string; audit_logs: object[] }
  expect(page.range_end_time).toBe('2026-02-09T00:00:00Z')
  expect(page.audit_logs.some((event) => 'actor_email' in event)).toBe(true)
  expect((await ask(api, '/admin/audit_logs')).status).toBe(404)
})

test('a late event is not served before it is known', async () => {
  let at = new Date('2026-03-04T00:00:00Z')
  const api = await start({ eventsPerDay: 20_000, now: () => at })
  const count = async () => (await lines(await ask(api, '/admin/audit_logs?startDate=2026-03-03')))[2]
  const early = await count()
  at = new Date('2026-03-04T01:30:00Z')
  expect(await count()).toBe(20_000)
  expect(early).toBeLessThan(20_000)
  expect(early).toBeGreaterThan(19_900)
})

test('the same seed serves the same bytes, another one others', async () => {
  const texts = []
  for (const seed of [3, 3, 4]) texts.push(await (await ask(await start({ seed }), '/admin/audit_logs')).text())
  expect(texts[0]).toBe(texts[1])
  expect(texts[0]).not.toBe(texts[2])
})

test('a wrong login is refused, and no login is kept in the request log', async () => {
  const api = await start({})
  expect((await ask(api, '/admin/audit_logs', 'Basic bm86bm8=')).status).toBe(401)
  expect((await ask(api, '/admin/audit_logs?numDays=0')).status).toBe(200)
  expect(api.requests).toEqual([
    { method: 'GET', path: '/admin/audit_logs', query: {}, range: null },
    {
      method: 'GET',
      path: '/admin/audit_logs',
      query: { numDays: '0' },
      range: { from: new Date('2026-03-05'), to: new Date('2026-03-06') },
    },
  ])
})
