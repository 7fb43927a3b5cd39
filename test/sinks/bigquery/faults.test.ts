/** What a network and a warehouse can do to a load, and what must come of it. */

import { describe, expect, it } from 'vitest'
import { AUDIT_DOCUMENTS, AUDIT_LOADS } from '../../../schemas/tables.js'
import type { Clock } from '../../../sinks/bigquery/conflicts.js'
import type { Batch, Sink } from '../../../src/contract.js'
import type { RequestFault } from '../../emulators/bigquery/server.js'
import { batchOf, countsOf, documentOf, loadInto, ndjson, never, newEngine } from '../../support/load.js'
import { contentOf, eventsOf, tableOf } from '../../support/rows.js'
import { newPlace, type Place } from './support.js'

const AT = '2026-10-01T12:34:56Z'
const BARE = { timestamp: AT, action: 'project:read', project_asset: 12 }
const NAMED = { ...BARE, project_name: 'baseline' }
const OTHER = { timestamp: '2026-10-02T00:00:00.5Z', action: 'user:login', response_code: 'oops' }
const BEFORE = { before: ndjson(BARE) }
const DOCUMENTS = { a: ndjson(NAMED, OTHER, OTHER, 'no json') }

/**
 * The tables, and what loads changed in them. One that changed nothing may come in between: when a run ends while its job
 * goes on, the next one reads the receipts before that job is done, reads the document again, and finds all of it there.
 */
const loaded = async (sink: Sink) => ({
  ...(await contentOf(sink)),
  documents: (await tableOf(sink, AUDIT_DOCUMENTS)).map(({ document, document_version }) => [
    document,
    document_version,
  ]),
  loads: (await tableOf(sink, AUDIT_LOADS))
    .map(({ inserted, enriched }) => `${inserted} ${enriched}`)
    .filter((changed) => changed !== '0 0')
    .sort(),
})

let expected: Awaited<ReturnType<typeof loaded>> | undefined

async function expectedTables(): Promise<Awaited<ReturnType<typeof loaded>>> {
  if (expected !== undefined) return expected
  const sink = (await newPlace()).open()
  await loadInto(sink, BEFORE)
  await loadInto(sink, DOCUMENTS)
  expected = await loaded(sink)
  return expected
}

/** Jobs that loads begin, told apart by step: questions are not counted. */
const jobsOf = ({ standIn }: Place): string[] =>
  standIn
    .jobs()
    .map(({ jobReference }) => /-(load|merge)-\d+$/.exec(jobReference.jobId)?.[0])
    .filter((step) => step !== undefined)

describe('requests that fail', () => {
  const jobs = /POST .*\/jobs$/
  const faults: readonly (readonly [string, Omit<RequestFault, 'times'>, number])[] = [
    ['an answer that is lost after each job began', { request: jobs, does: 'lost answer' }, 2],
    ['a connection that breaks before', { request: jobs, does: 'reset' }, 2],
    ['a storm of 503', { request: /./, does: { status: 503, reason: 'backendError' } }, 5],
    ['a storm of 503 without a reason', { request: /./, does: { status: 503, reason: '' } }, 5],
    ['rateLimitExceeded', { request: jobs, does: { status: 403, reason: 'rateLimitExceeded' } }, 4],
    ['lost answers to every kind of request', { request: /./, does: 'lost answer' }, 5],
  ]

  it.each(faults)('%s: the load ends in the same tables, and no job is done twice', async (_what, fault, times) => {
    const place = await newPlace()
    const sink = place.open()
    await loadInto(sink, BEFORE)
    place.standIn.faults.push({ ...fault, times })
    expect(countsOf(await loadInto(sink, DOCUMENTS))).toEqual([2, 1, 0, 1])
    expect(place.standIn.faults[0]?.times).toBe(0)
    expect(jobsOf(place)).toEqual(['-load-1', '-merge-1', '-load-1', '-merge-1'])
    expect(await loaded(sink)).toEqual(await expectedTables())
  })

  it('a storm that does not end: the error says what failed, and the next run ends in the same tables', async () => {
    const place = await newPlace()
    const sink = place.open('', { retries: 1 })
    await loadInto(sink, BEFORE)
    const batch = await batchOf(await newEngine(), [documentOf('a', DOCUMENTS.a)])
    place.standIn.faults.push({ request: /upload/, does: { status: 503, reason: 'backendError' }, times: 100 })
    await expect(sink.load(batch, never)).rejects.toMatchObject({
      message: expect.stringMatching(/staging a batch \(job wandb-audit-.*-load-1\): backendError \(tried 2 times\)/),
      retryable: false,
      outside: true,
    })
    place.standIn.faults.length = 0
    await loadInto(sink, DOCUMENTS)
    expect(await loaded(sink)).toEqual(await expectedTables())
  })
})

/** After `n` requests (looks at jobs are not counted) one more is carried out unheard, and then nobody asks any more. */
function crashAfter(n: number, faults: RequestFault[]): void {
  const crash: RequestFault[] = [
    { request: /./, does: 'lost answer', times: 1 },
    { request: /./, does: 'reset', times: 1000 },
  ]
  let left = n
  const onMatch = (): void => {
    if (--left === 0) faults.push(...crash)
  }
  if (n === 0) faults.push(...crash)
  else faults.push({ request: /^(?!GET .*\/jobs\/)/, does: 'pass', times: n, onMatch })
}

describe('a crash', () => {
  it('after any request: the next run ends in the same tables as if nothing had happened', async () => {
    const expected = await expectedTables()
    const quiet = await newPlace()
    await loadInto(quiet.open(), BEFORE)
    const before = quiet.standIn.requests.length
    await loadInto(quiet.open(), DOCUMENTS)
    const requests = quiet.standIn.requests.slice(before).filter((line) => !/GET .*\/jobs\//.test(line)).length
    for (let n = 0; n < requests; n++) {
      const place = await newPlace()
      await loadInto(place.open(), BEFORE)
      crashAfter(n, place.standIn.faults)
      await loadInto(place.open('', { retries: 0 }), DOCUMENTS).catch(() => {})
      place.standIn.faults.length = 0
      const sink = place.open()
      await loadInto(sink, DOCUMENTS)
      expect([n, await loaded(sink)]).toEqual([n, expected])
    }
  }, 300_000)
})

describe('jobs', () => {
  it.each(['load', 'merge'])('a %s job that fails as may pass is begun anew under the next number', async (step) => {
    const place = await newPlace()
    const sink = place.open()
    await loadInto(sink, BEFORE)
    place.standIn.jobFaults.push({
      job: new RegExp(step),
      does: { reason: 'backendError', message: 'Try again.' },
      times: 2,
    })
    expect(countsOf(await loadInto(sink, DOCUMENTS))).toEqual([2, 1, 0, 1])
    expect(jobsOf(place).filter((job) => job.startsWith(`-${step}`))).toEqual([1, 1, 2, 3].map((n) => `-${step}-${n}`))
    expect(await loaded(sink)).toEqual(await expectedTables())
  })

  it('one that stays RUNNING is given up after the limit, and the error names it', async () => {
    const { standIn, open } = await newPlace()
    const sink = open('', { limitMs: 0 })
    await open().prepare()
    standIn.jobFaults.push({ job: /merge/, does: 'stays running', times: 1 })
    const batch = await batchOf(await newEngine(), [documentOf('a', DOCUMENTS.a)])
    standIn.jobFaults.push({ job: /load/, does: 'done at once', times: 1 })
    const error = await sink.load(batch, never).catch((reason: unknown) => reason)
    const [job] = standIn.jobs().filter(({ jobReference }) => jobReference.jobId.endsWith('merge-1'))
    expect(error).toMatchObject({
      message: expect.stringContaining(`job ${job?.jobReference.jobId} did not end`),
      advice: expect.stringContaining('bq show -j'),
    })
    expect(job?.status.errorResult?.reason).toBe('stopped')
    expect(await eventsOf(open())).toEqual([])
  })

  it('one that is running when the run is interrupted is cancelled, and nothing of it is kept', async () => {
    const { standIn, open } = await newPlace()
    const controller = new AbortController()
    const sink = open()
    await sink.prepare()
    standIn.jobFaults.push({ job: /merge/, does: 'stays running', times: 1, onMatch: () => controller.abort() })
    const batch = await batchOf(await newEngine(), [documentOf('a', DOCUMENTS.a)])
    await expect(sink.load(batch, controller.signal)).rejects.toThrow('interrupted')
    expect(standIn.jobs().at(-1)?.status.errorResult?.reason).toBe('stopped')
    expect(await eventsOf(sink)).toEqual([])
    expect((await sink.receipts('test')).size).toBe(0)
  })

  it('one whose counts cannot be read fails its sink, and is not loaded again in parts', async () => {
    const place = await newPlace()
    const sink = place.open()
    place.standIn.faults.push({
      request: /^GET .*\/queries\/.*-merge-/,
      does: { status: 403, reason: 'accessDenied' },
      times: 1000,
    })
    await expect(loadInto(sink, { ...DOCUMENTS, ...BEFORE })).rejects.toMatchObject({
      message: expect.stringMatching(/the batch is loaded, its counts are not known/),
      outside: true,
    })
    expect(jobsOf(place).filter((job) => job.startsWith('-merge'))).toHaveLength(1)
  })

  it('one that ended before it could be cancelled is told of as loaded', async () => {
    const { standIn, open } = await newPlace()
    const controller = new AbortController()
    const sink = open()
    await sink.prepare()
    const batch = await batchOf(await newEngine(), [documentOf('a', DOCUMENTS.a)])
    standIn.faults.push({
      request: /^POST \/bigquery.*\/jobs$/,
      does: 'pass',
      times: 1,
      onMatch: () => controller.abort(),
    })
    expect(await sink.load(batch, controller.signal)).toMatchObject({ inserted: 3, rejected: 1 })
    expect(await eventsOf(sink)).toHaveLength(3)
  })

  it('that would begin with an upload do not when the run is interrupted in it', async () => {
    const { standIn, open } = await newPlace()
    const controller = new AbortController()
    const sink = open()
    await sink.prepare()
    standIn.faults.push({ request: /upload/, does: 'pass', times: 1, onMatch: () => controller.abort() })
    const batch = await batchOf(await newEngine(), [documentOf('a', DOCUMENTS.a)])
    await expect(sink.load(batch, controller.signal)).rejects.toThrow('interrupted')
    expect(await eventsOf(sink)).toEqual([])
  })

  it('of an earlier load of the same batch is found, and not done again', async () => {
    const place = await newPlace()
    const sink = place.open()
    await sink.prepare()
    const batch = await batchOf(await newEngine(), [documentOf('a', DOCUMENTS.a)])
    const counts = await sink.load(batch, never)
    await expect(sink.load(batch, never)).resolves.toEqual(counts)
    expect(jobsOf(place)).toEqual(['-load-1', '-merge-1'])
    expect(await tableOf(sink, AUDIT_LOADS)).toHaveLength(1)
  })

  it('of another dataset and of another prefix in the project have other names', async () => {
    const place = await newPlace()
    const batch = await batchOf(await newEngine(), [documentOf('a', DOCUMENTS.a)])
    for (const sink of [place.open(), place.open('table_prefix=other_')]) {
      await sink.prepare()
      expect(await sink.load(batch, never)).toMatchObject({ inserted: 3 })
    }
    expect(new Set(place.standIn.jobs().map(({ jobReference }) => jobReference.jobId)).size).toBe(
      place.standIn.jobs().length,
    )
    expect(jobsOf(place)).toHaveLength(4)
  })
})

describe('two loads at once', () => {
  it('exclude each other: the later one is aborted by BigQuery and begun anew, and nothing doubles', async () => {
    const place = await newPlace()
    const sinks = [place.open(), place.open()]
    await sinks[0]?.prepare()
    // Both have staged before either merges, so that their transactions meet.
    const batches = await Promise.all(
      ['a', 'b'].map(async (id) => batchOf(await newEngine(), [documentOf(id, DOCUMENTS.a)])),
    )
    place.standIn.jobFaults.push({ job: /merge-1$/, does: 'meet in transactions', of: 2, times: 2 })
    const counts = await Promise.all(batches.map((batch, i) => sinks[i]?.load(batch, never)))
    expect(counts.map((each) => each?.inserted).sort()).toEqual([0, 3])
    expect(
      jobsOf(place)
        .filter((job) => job.startsWith('-merge'))
        .slice(0, 3),
    ).toEqual(['-merge-1', '-merge-1', '-merge-2'])
    const [aborted] = place.standIn.jobs().filter(({ status }) => status.errorResult !== undefined)
    expect(aborted?.status.errorResult?.message).toMatch(
      /aborted due to concurrent update against table .*audit_actions/,
    )
    expect(await eventsOf(sinks[0] as Sink)).toHaveLength(3)
  })

  it('of which one merges for five minutes: the other waits for it, both succeed, and nothing doubles', async () => {
    const place = await newPlace()
    let release = (): void => {}
    const heldUntil = new Promise<void>((resolve) => {
      release = resolve
    })
    const long = place.open()
    await long.prepare()
    const [first, second] = await Promise.all(
      ['a', 'b'].map(async (id) => batchOf(await newEngine(), [documentOf(id, DOCUMENTS.a)])),
    )
    const merging = new Promise<void>((resolve) => {
      place.standIn.jobFaults.push({ job: /merge/, does: { heldUntil }, times: 1, onMatch: resolve })
    })
    const loading = long.load(first as Batch, never)
    await merging
    const clock = virtualClock(async (now) => {
      if (now < 300_000) return
      release()
      await loading
    })
    const scheduled = place.open('', { conflicts: { firstMs: 1000, mostMs: 30_000 }, limitMs: 3_600_000, clock })
    expect(await scheduled.load(second as Batch, never)).toMatchObject({ inserted: 0, unchanged: 3 })
    expect(await loading).toMatchObject({ inserted: 3 })
    expect(await eventsOf(long)).toHaveLength(3)
    expect(Math.max(...clock.waits)).toBeLessThanOrEqual(30_000)
    expect(new Set(clock.waits).size).toBe(clock.waits.length)
    expect(jobsOf(place).length).toBeLessThan(30)
  })

  it('of which one never ends: the other gives up after the limit, says so, and keeps nothing', async () => {
    const place = await newPlace()
    const conflict =
      'Transaction is aborted due to concurrent update against table p.audit.audit_actions. Transaction ID: 1'
    place.standIn.jobFaults.push({ job: /merge/, does: { reason: 'invalidQuery', message: conflict }, times: 1000 })
    const clock = virtualClock(async () => {})
    const sink = place.open('', { conflicts: { firstMs: 1000, mostMs: 30_000 }, limitMs: 60_000, clock })
    await sink.prepare()
    const batch = await batchOf(await newEngine(), [documentOf('a', DOCUMENTS.a)])
    await expect(sink.load(batch, never)).rejects.toMatchObject({
      message: expect.stringMatching(/aborted due to concurrent update.*\(tried \d+ times\)/),
      advice: expect.stringContaining('Another load'),
      retryable: false,
      outside: true,
    })
    expect(clock.now()).toBeGreaterThanOrEqual(60_000)
    expect(clock.now()).toBeLessThan(90_000)
    expect(await eventsOf(place.open())).toEqual([])
  })
})

/** Waits for nothing; tells how long it would have been. */
function virtualClock(onWait: (now: number) => Promise<void>): Clock & { readonly waits: number[] } {
  const waits: number[] = []
  const now = (): number => waits.reduce((sum, each) => sum + each, 0)
  return {
    waits,
    now,
    async wait(ms) {
      waits.push(ms)
      await onWait(now())
    },
  }
}
