import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { type Fault, startWandbApi, type WandbApi, type WandbApiOptions } from '../../../src/demo/wandb-api.js'
import type { ApiOptions } from '../../../src/sources/api/source.js'
import { joined } from '../../landing/support.js'
import { opened } from '../../support/load.js'
import { eventsOf, KEY, listed, made, once, PATIENT, QUICK, range, rejection, sourceOf, whole } from './support.js'

const apis: WandbApi[] = []
afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()))
})

async function start(options: WandbApiOptions): Promise<WandbApi> {
  const api = await startWandbApi({ eventsPerDay: 300, now, ...options })
  apis.push(api)
  return api
}

const now = () => new Date('2026-03-05T12:00:00Z')
const DAY = range('2026-03-04', '2026-03-05')
const EXPECTED = made('2026-03-04', '2026-03-05', 300)
const PAGED = { now, timing: PATIENT, pageLimit: 100 }
/** Only what stalls needs short limits; elsewhere a busy machine could reach them. */
const timingFor = (fault: Fault) => (fault.kind === 'stall' ? QUICK : PATIENT)

async function firstOf(api: WandbApi, options: Partial<ApiOptions> = {}) {
  const [document] = await listed(sourceOf(api, { ...PAGED, ...options }), DAY)
  if (document === undefined) throw new Error('nothing listed')
  return document
}

const BROKEN: readonly [string, Fault][] = [
  ['a reset before the answer', { kind: 'reset' }],
  ['a reset inside the body', { kind: 'reset', afterBytes: 5000 }],
  ['no answer', { kind: 'stall' }],
  ['a body that stops arriving', { kind: 'stall', afterBytes: 5000 }],
  ['a body shorter than content-length', { kind: 'short', afterBytes: 5000 }],
  ['broken chunking', { kind: 'broken-chunking', afterBytes: 5000 }],
  ['a body cut inside an object', { kind: 'cut', afterBytes: 5000 }],
  ['status 500', { kind: 'status', status: 500 }],
  ['status 502', { kind: 'status', status: 502, text: '<html>Bad Gateway</html>' }],
  ['status 503 with Retry-After', { kind: 'status', status: 503, retryAfter: '0' }],
  ['status 429', { kind: 'status', status: 429 }],
]

describe('after a fault the same bytes arrive in the end', () => {
  test.each([...BROKEN, ['a page that states another count', { kind: 'wrong-count' }] as const])(
    'pages: %s',
    async (_, fault) => {
      const undisturbed = await whole(await firstOf(await start({})))
      const api = await start({ faults: [null, null, fault] })
      const document = await firstOf(api, { timing: timingFor(fault) })
      expect(await whole(document)).toBe(undisturbed)
      expect(eventsOf(undisturbed)).toEqual(EXPECTED)
      expect(api.requests.length).toBeGreaterThan(4)
    },
  )

  test.each(BROKEN)('classic: %s', async (_, fault) => {
    const api = await start({ dialect: 'classic', faults: [null, null, fault] })
    const events = eventsOf(await whole(await firstOf(api, { timing: timingFor(fault) })))
    expect(events.slice(0, EXPECTED.length)).toEqual(EXPECTED)
    expect(api.requests).toHaveLength(4)
  })

  test('a cursor the server no longer knows: the window is read again from its first page', async () => {
    const api = await start({ faults: [null, null, null, { kind: 'lost-page' }] })
    expect(eventsOf(await whole(await firstOf(api)))).toEqual(EXPECTED)
    expect(api.requests.map(({ query }) => 'cursor' in query)).toEqual([false, false, true, true, false, true, true])
  })

  test('the question for the dialect is asked again too', async () => {
    const api = await start({
      faults: [
        { kind: 'cut', afterBytes: 20 },
        { kind: 'status', status: 503 },
      ],
    })
    expect(eventsOf(await whole(await firstOf(api)))).toEqual(EXPECTED)
  })

  test('a slow body is waited for', async () => {
    const api = await start({ eventsPerDay: 2000, faults: [null, { kind: 'slow' }] })
    const document = await firstOf(api, { pageLimit: 20_000 })
    expect(eventsOf(await once(document))).toHaveLength(2000)
  })
})

test('a body that broke off is never handed on as whole, however often it breaks', async () => {
  const cut: Fault = { kind: 'cut', afterBytes: 5000 }
  const document = await firstOf(await start({ faults: [null, cut, cut, cut, cut] }))
  const error = await rejection(whole(document))
  expect(error.message).toContain('breaks off inside a page')
  expect(error.retryable).toBe(true)
})

test('a server that is down is not asked again and again by everyone who asked for it', async () => {
  const down: Fault = { kind: 'status', status: 503 }
  const api = await start({ faults: [null, ...Array(9).fill(down)] })
  const error = await rejection(whole(await firstOf(api)))
  expect(error.message).toContain('answered 503 (tried 4 times)')
  expect(error.retryable).toBe(false)
  expect(api.requests).toHaveLength(5)
})

test('Retry-After is waited for as long as it asks, but not for hours', async () => {
  const waits: number[] = []
  const wait = async (ms: number) => waits.push(ms)
  const busy = (retryAfter: string): Fault => ({ kind: 'status', status: 429, retryAfter })
  const api = await start({ faults: [null, busy('7'), busy('Thu, 05 Mar 2026 12:01:00 GMT')] })
  expect(eventsOf(await once(await firstOf(api, { wait })))).toEqual(EXPECTED)
  expect(waits).toEqual([7000, 60_000])

  const closed = await start({ faults: [null, busy('7200')] })
  const document = await firstOf(closed, { wait })
  for (let i = 0; i < 2; i++) expect((await rejection(once(document))).advice).toContain('120 minutes')
  expect(closed.requests).toHaveLength(2)
  expect(waits).toHaveLength(2)
})

describe('an error says what to do', () => {
  const status = (status: number, text = ''): Fault => ({ kind: 'status', status, text })
  test.each<[string, Fault, 'current' | 'multi-tenant', RegExp]>([
    ['401', status(401), 'current', /WANDB_API_KEY.*127\.0\.0\.1.*netrc/],
    ['403', status(403), 'current', /instance admin/],
    ['403 of multi-tenant Cloud', status(403), 'multi-tenant', /organization.*Enterprise/],
    ['404', status(404), 'current', /URL you open your W&B instance with/],
    ['404 of multi-tenant Cloud', status(404), 'multi-tenant', /Only https:\/\/api\.wandb\.ai/],
    ['several organizations', { kind: 'multiple-organizations' }, 'multi-tenant', /Default API organization/],
    ['a login page', { kind: 'html' }, 'current', /login page or a proxy/],
    ['too many days', status(400, '{"error":"numDays must be at most 30"}'), 'current', /fewer days/],
  ])('%s, at once', async (_, fault, dialect, advice) => {
    const api = await start({ dialect, faults: [fault] })
    const error = await rejection(listed(sourceOf(api, { ...PAGED, dialect }), DAY))
    expect(error.advice).toMatch(advice)
    expect(error.retryable).toBe(false)
    expect(api.requests).toHaveLength(1)
  })

  test('a wrong key is refused by the server itself', async () => {
    const api = await start({})
    const error = await rejection(listed(sourceOf(api, { ...PAGED, credentials: { username: 'api', key: 'no' } }), DAY))
    expect(error.message).toContain('answered 401')
  })

  test('numDays over the limit of a classic server', async () => {
    const api = await start({ dialect: 'classic', largestNumDays: 0 })
    expect((await rejection(whole(await firstOf(api)))).advice).toContain('fewer days')
  })

  test('nobody listens', async () => {
    const api = await startWandbApi({})
    await api.close()
    const error = await rejection(listed(sourceOf(api, PAGED), DAY))
    expect(error.message).toContain('the connection was refused')
    expect(error.advice).toContain('port')
  })

  test('there is no such host', async () => {
    const error = await rejection(listed(sourceOf({ url: 'https://wandb.invalid' }, PAGED), DAY))
    expect(error.message).toMatch(/no host of that name|could not be looked up/)
    expect(error.advice).toContain('DNS')
  })

  test('https where http is spoken', async () => {
    const api = await start({})
    const error = await rejection(listed(sourceOf({ url: api.url.replace('http:', 'https:') }, PAGED), DAY))
    expect(error.advice).toContain('port')
  })
})

describe('redirects', () => {
  test('within the same server are followed', async () => {
    const api = await start({ faults: [{ kind: 'redirect', to: '/admin/audit_logs?startDate=2026-03-04&limit=1' }] })
    expect(eventsOf(await whole(await firstOf(api)))).toEqual(EXPECTED)
  })

  test('to another server are refused, and it never hears of the key', async () => {
    const other = await start({})
    const api = await start({ faults: [{ kind: 'redirect', to: `${other.url}/admin/audit_logs` }] })
    const error = await rejection(listed(sourceOf(api, PAGED), DAY))
    expect(error.message).toContain(`redirects to ${other.url}; the API key was not sent there`)
    expect(other.requests).toEqual([])
  })

  test('in circles end', async () => {
    const circle: Fault = { kind: 'redirect', to: '/admin/audit_logs' }
    const error = await rejection(listed(sourceOf(await start({ faults: Array(6).fill(circle) }), PAGED), DAY))
    expect(error.message).toContain('in circles')
  })
})

test('no fault brings the key or a record into an error, an id or the request log', async () => {
  const faults: Fault[] = [
    ...BROKEN.map(([, fault]) => fault),
    { kind: 'html' },
    { kind: 'redirect', to: 'https://evil.example/' },
  ]
  for (const fault of faults) {
    const api = await start({ faults: [null, fault] })
    const source = sourceOf(api, { ...PAGED, timing: { ...timingFor(fault), retries: 0 } })
    const [document] = await listed(source, DAY)
    if (document === undefined) throw new Error('nothing listed')
    const error = await rejection(once(document))
    const causes = [error.cause, error.cause instanceof Error ? error.cause.cause : null]
    const told = inspect([error, error.stack, causes, source.id, document, api.requests], { depth: 8 })
    expect(told).not.toContain('timestamp')
    expect(told).not.toMatch(new RegExp(`${KEY}|${Buffer.from(`api:${KEY}`).toString('base64')}`))
  }
})

test('an interrupted run ends as interrupted, whether it waits or reads', async () => {
  const api = await start({ faults: [null, { kind: 'stall', afterBytes: 2000 }] })
  const document = await firstOf(api)
  const stop = new AbortController()
  const reading = (async () => {
    for await (const chunk of await opened(document, stop.signal)) if (chunk.length > 0) stop.abort()
  })()
  expect((await rejection(reading)).exitCode).toBe(130)

  const later = new AbortController()
  const busy = await start({ faults: [null, { kind: 'status', status: 429, retryAfter: '60' }] })
  const wait = async () => later.abort()
  const waiting = opened(await firstOf(busy, { wait }), later.signal).then(joined)
  expect((await rejection(waiting)).exitCode).toBe(130)
})
