/** Whatever a schedule meets, it ends in the tables of one load of the finished days. */

import { afterAll, describe, expect, test } from 'vitest'
import type { Sink, Source } from '../../../src/contract.js'
import { type Fault, startWandbApi, type WandbApi, type WandbApiOptions } from '../../../src/demo/wandb-api.js'
import { AuditError } from '../../../src/errors.js'
import { joined } from '../../landing/support.js'
import { loadInto, never, opened } from '../../support/load.js'
import { contentOf } from '../../support/rows.js'
import { DAY, eventsOf, QUICK, range, sourceOf } from './support.js'
import { newSink } from './tables.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const BEGIN = Date.parse('2026-03-01T19:30:00Z')
/** When the last of the days that are compared is final. */
const END = Date.parse('2026-03-05T00:30:00Z')
const DAYS = range('2026-03-01', '2026-03-04')
const PER_DAY = 240
const RENAMED = new Date('2026-03-02T15:00:00Z')

const apis: WandbApi[] = []
const sinks: Sink[] = []
afterAll(async () => {
  for (const each of [...apis, ...sinks]) await each.close()
})

async function start(options: WandbApiOptions): Promise<WandbApi> {
  const api = await startWandbApi({ eventsPerDay: PER_DAY, ...options })
  apis.push(api)
  return api
}

/** Where a schedule loads into, and what it has loaded in the end. */
interface Target {
  run(source: Source, signal: AbortSignal): Promise<unknown>
  /** The events of the finished days with their number, without the names that a rename changes. */
  events(): Promise<ReadonlyMap<string, number>>
}

interface Model extends Target {
  /** How many lines it was given. */
  readonly lines: number
}

const isFinished = (timestamp: unknown): boolean => String(timestamp) < '2026-03-04'

/** Keeps the most repeats of an event that one reading had, and the version of each, as every sink does. */
function model(): Model {
  let lines = 0
  const kept = new Map<string, string>()
  const events = new Map<string, number>()
  return {
    async run(source, signal) {
      const days = source.window?.([kept]) ?? DAYS
      for await (const document of source.list(days, signal, [kept])) {
        if (document.version !== null && document.version === kept.get(document.id)) continue
        const counted = new Map<string, number>()
        try {
          for (const event of eventsOf((await joined(await opened(document, signal))).toString())) {
            lines++
            if (!isFinished(event.timestamp)) continue
            const unnamed = JSON.stringify({ ...event, project_name: null, artifact_qualified_name: null })
            counted.set(unnamed, (counted.get(unnamed) ?? 0) + 1)
          }
        } catch (error) {
          if (signal.aborted || !(error instanceof AuditError)) throw error
          continue
        }
        for (const [event, count] of counted) events.set(event, Math.max(count, events.get(event) ?? 0))
        kept.set(document.id, document.version ?? 'a hash')
      }
    },
    events: async () => new Map([...events].sort()),
    get lines() {
      return lines
    },
  }
}

function duckdb(): Target {
  const sink = newSink()
  sinks.push(sink)
  return {
    run: (source, signal) => loadInto(sink, [], { jobs: [{ source, range: null, refetch: false }], signal }),
    async events() {
      const { audit_events: rows = [] } = await contentOf(sink)
      const counted = new Map<string, number>()
      for (const row of rows.filter(({ timestamp }) => isFinished(timestamp))) {
        const { project_name, artifact_qualified_name, names_document, ...unnamed } = row
        const text = JSON.stringify(unnamed, (_, value) => (typeof value === 'bigint' ? String(value) : value))
        counted.set(text, (counted.get(text) ?? 0) + 1)
      }
      return new Map([...counted].sort())
    },
  }
}

/** One load of the days once they are final. */
async function finishedIn(target: Target): Promise<ReadonlyMap<string, number>> {
  const now = (): Date => new Date(END)
  const source = sourceOf(await start({ now }), { now })
  await target.run({ ...source, window: () => DAYS }, never)
  const events = await target.events()
  expect([...events.values()].reduce((sum, count) => sum + count, 0)).toBe(3 * PER_DAY)
  return events
}

/** Small numbers in an order that depends on the seed alone. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state / 2 ** 32
  }
}

interface Schedule {
  readonly api: WandbApiOptions
  /** Of the clock on this machine. */
  readonly aheadMs?: number
  /** How many requests in a hundred fail, and how many stop the run. */
  readonly faulty?: number
  readonly crashing?: number
  /** Between most runs; ten minutes when absent. Some are hours apart. */
  readonly everyMs?: number
}

async function scheduled(
  into: Target,
  { api: options, aheadMs = 0, faulty = 0, crashing = 0, everyMs = 10 * MINUTE }: Schedule,
  seed: number,
): Promise<ReadonlyMap<string, number>> {
  const random = numbers(seed)
  const next = (): number => random.next().value
  const dialect = options.dialect ?? 'current'
  let at = BEGIN
  const faults = Array.from({ length: 5000 }, (): Fault | null => {
    const dice = next() * 100
    if (dice < crashing) return { kind: 'status', status: 429, retryAfter: '60' }
    if (dice < crashing + faulty) return { kind: 'reset', afterBytes: Math.floor(next() * 20_000) }
    return null
  })
  const api = await start({ ...options, faults, now: () => new Date(at) })
  for (; at < END; at += next() < 0.8 ? everyMs : Math.floor(next() * 9 * HOUR)) {
    const stop = new AbortController()
    const source = sourceOf(api, {
      ...{
        now: () => new Date(at + aheadMs),
        overlapMs: DAY,
        timing: { ...QUICK, headersMs: 5000, idleMs: 5000 },
        pageLimit: 50,
      },
      ...(dialect === 'multi-tenant' ? { dialect } : {}),
      wait: async () => stop.abort(),
    })
    await into.run(source, stop.signal).catch((error) => {
      if (!(error instanceof AuditError)) throw error
    })
    await source.close()
  }
  return into.events()
}

const DIALECTS: readonly (readonly [string, WandbApiOptions])[] = [
  ['current', {}],
  ['current, but in whole days', { ignoresHours: true }],
  ['multi-tenant', { dialect: 'multi-tenant' }],
  ['between', { dialect: 'between' }],
  ['classic', { dialect: 'classic' }],
]

const MEETS: readonly (readonly [string, Omit<Schedule, 'api'>])[] = [
  ['late events alone', {}],
  ['a clock that is 40 minutes behind', { aheadMs: -40 * MINUTE }],
  ['a clock that is 40 minutes ahead', { aheadMs: 40 * MINUTE }],
  ['a clock that is five hours ahead', { aheadMs: 5 * HOUR }],
  ['requests that fail', { faulty: 15 }],
  ['a stop at any request', { crashing: 10 }],
]

describe.each(DIALECTS)('%s: a schedule ends in the tables of one load of the finished days', (_, api) => {
  test.each(MEETS)('after %s', async (_, schedule) => {
    const finished = await finishedIn(model())
    for (const seed of [1, 2, 3]) expect(await scheduled(model(), { api, ...schedule }, seed)).toEqual(finished)
  })

  test('after a project was renamed', async () => {
    const finished = await finishedIn(model())
    expect(await scheduled(model(), { api: { ...api, renamedAt: RENAMED } }, 4)).toEqual(finished)
  })
})

test('so it does through the whole pipeline, with a project renamed and a stop at any request', async () => {
  const finished = await finishedIn(duckdb())
  expect(await scheduled(duckdb(), { api: { renamedAt: RENAMED }, crashing: 10, everyMs: HOUR }, 5)).toEqual(finished)
})

test.each(DIALECTS.filter(([name]) => name === 'current' || name === 'classic'))(
  '%s: a day of a run every ten minutes costs what is new',
  async (name, options) => {
    const perDay = 600
    const from = Date.parse('2026-03-03')
    let at = from - DAY
    const api = await start({ ...options, eventsPerDay: perDay, now: () => new Date(at) })
    const into = model()
    const run = async (): Promise<void> => {
      const dialect = options.dialect === 'multi-tenant' ? options.dialect : undefined
      const source = sourceOf(api, { now: () => new Date(at), overlapMs: DAY, dialect })
      await into.run(source, never)
      await source.close()
      at += 10 * MINUTE
    }
    while (at < from) await run()
    const before = { lines: into.lines, events: api.events, requests: api.requests.length }
    while (at < from + DAY) await run()
    expect((into.lines - before.lines) / perDay).toBeLessThanOrEqual(2)
    if (name !== 'current') return
    // A probe takes an event or two.
    const probes = api.requests.slice(before.requests).filter(({ query }) => query.limit === '1').length
    expect((api.events - before.events - 2 * probes) / perDay).toBeLessThanOrEqual(4)
  },
)
