import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { DayRange, Sink } from '../../../src/contract.js'
import { type Fault, startWandbApi, type WandbApi } from '../../../src/demo/wandb-api.js'
import type { Dialect } from '../../../src/sources/api/address.js'
import { DAY, PATIENT, sourceOf } from './support.js'
import { load, newSink, type Tables, tablesOf } from './tables.js'

const apis: WandbApi[] = []
const sinks: Sink[] = []
afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()))
  await Promise.all(sinks.splice(0).map((sink) => sink.close()))
})

const NOON = new Date('2026-03-05T12:00:00Z')
const now = () => NOON
const PAGES_A_DAY = 3
const AFTER = 5000

/** After these the same request is made again. */
const OF_REQUESTS: readonly Fault[] = [
  { kind: 'reset' },
  { kind: 'stall' },
  { kind: 'status', status: 429 },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, retryAfter: '0' },
]
/** After these the document is read again from its beginning. */
const OF_BODIES: readonly Fault[] = [
  { kind: 'reset', afterBytes: AFTER },
  { kind: 'stall', afterBytes: AFTER },
  { kind: 'short', afterBytes: AFTER },
  { kind: 'broken-chunking', afterBytes: AFTER },
  { kind: 'cut', afterBytes: AFTER },
]
const ON_FIRST_PAGES: readonly Fault[] = [...OF_REQUESTS, ...OF_BODIES, { kind: 'wrong-count' }]
const ON_LATER_PAGES: readonly Fault[] = [...ON_FIRST_PAGES, { kind: 'lost-page' }]

const nothing = (requests: number): null[] => Array<null>(requests).fill(null)

/** The first request asks for the dialect; then each day meets one fault, on its first page or its second. */
const onFirstPages = [null, ...ON_FIRST_PAGES.flatMap((fault) => [fault, ...nothing(PAGES_A_DAY)])]
const onLaterPages = [
  null,
  ...ON_LATER_PAGES.flatMap((fault) => [null, fault, ...nothing(PAGES_A_DAY - (OF_REQUESTS.includes(fault) ? 1 : 0))]),
]

interface Way {
  readonly dialect: Dialect
  readonly anonymize?: boolean
}

/** So many finished days, and the one that is not. */
const lastDays = (count: number): DayRange => ({ from: new Date(Date.parse('2026-03-05') - count * DAY), to: null })

async function loaded(
  { dialect, anonymize = false }: Way,
  days: DayRange,
  faults: readonly (Fault | null)[],
): Promise<{ readonly tables: Tables; readonly requests: number }> {
  const api = await startWandbApi({ eventsPerDay: 200, now, dialect, faults })
  apis.push(api)
  const source = sourceOf(api, {
    ...{ now, anonymize, pageLimit: 70 },
    // Recognised, where it can be.
    ...(dialect === 'multi-tenant' ? { dialect } : {}),
    // What stalls is given up soon, and what is only slow on a busy machine is not.
    timing: { ...PATIENT, headersMs: 700, idleMs: 700 },
  })
  const sink = newSink()
  sinks.push(sink)
  expect((await load(sink, source, days)).failed).toEqual([])
  return { tables: await tablesOf(sink), requests: api.requests.length }
}

const PAGED: readonly (readonly [string, Way])[] = [
  ['current', { dialect: 'current' }],
  ['anonymised', { dialect: 'current', anonymize: true }],
  ['multi-tenant', { dialect: 'multi-tenant' }],
]

describe.each(PAGED)('%s: the tables are those of an undisturbed load', (_, way) => {
  const days = lastDays(ON_LATER_PAGES.length)
  let undisturbed: Tables
  beforeAll(async () => {
    undisturbed = (await loaded(way, days, [])).tables
    expect(undisturbed.receipts).toHaveLength(ON_LATER_PAGES.length + 1)
  }, 180_000)

  test.each([
    ['first', onFirstPages],
    ['second', onLaterPages],
  ])('when the %s page of each day meets another fault', async (_, faults) => {
    const { tables, requests } = await loaded(way, days, faults)
    expect(tables).toEqual(undisturbed)
    expect(requests).toBeGreaterThanOrEqual(faults.length)
  })
})

describe('classic: the tables are those of an undisturbed load', () => {
  const way: Way = { dialect: 'classic' }
  const days = lastDays(2)
  let undisturbed: Tables
  beforeAll(async () => {
    undisturbed = (await loaded(way, days, [])).tables
    expect(undisturbed.receipts).toHaveLength(2)
  }, 180_000)

  test.each([...OF_REQUESTS, ...OF_BODIES])('after %o', async (fault) => {
    const { tables, requests } = await loaded(way, days, [null, null, fault, null, fault])
    expect(tables).toEqual(undisturbed)
    expect(requests).toBeGreaterThanOrEqual(6)
  })
})

test.each(['classic', 'current'] as const)(
  '%s: a document that breaks off every time is left out whole, and the next run brings it',
  async (dialect) => {
    const days = lastDays(2)
    const { tables } = await loaded({ dialect }, days, [])
    const first = dialect === 'classic' ? '?from=2026-03-03&to=2026-03-05' : '?day=2026-03-03'
    const cut: Fault = { kind: 'cut', afterBytes: AFTER }
    const api = await startWandbApi({
      eventsPerDay: 200,
      now,
      dialect,
      faults: [...(dialect === 'classic' ? [null, null] : [null]), cut, cut, cut, cut],
    })
    apis.push(api)
    const sink = newSink()
    sinks.push(sink)
    const again = () => load(sink, sourceOf(api, { now, pageLimit: 70 }), days)
    expect((await again()).failed).toHaveLength(1)
    expect((await tablesOf(sink)).receipts).toEqual(tables.receipts.filter(({ document }) => document !== first))
    expect((await again()).failed).toEqual([])
    expect(await tablesOf(sink)).toEqual(tables)
  },
)
