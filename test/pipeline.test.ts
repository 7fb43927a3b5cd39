import { appendFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { duckdbSink } from '../sinks/duckdb/index.js'
import type { Document, Sink, Source } from '../src/contract.js'
import { madeDay, withoutNames } from '../src/demo/made-logs.js'
import { AuditError } from '../src/errors.js'
import { Journal } from '../src/journal.js'
import { type Job, run } from '../src/pipeline.js'
import { fileSource } from '../src/sources/files.js'
import {
  countsOf,
  documentOf,
  loadInto,
  ndjson,
  never,
  newEngine,
  newFolder,
  opened,
  silentLogger,
  silentProgress,
  sourceOf,
} from './support/load.js'
import { contentOf, eventsOf, rebuild, rowsOf } from './support/rows.js'

const newSink = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1000, onWait() {} })
const EVERYTHING = { from: null, to: null }
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: 7 }
const day = (count: number) => [...madeDay(1, Date.parse('2026-10-01'), count)]

/** A sink whose warehouse is away at its n-th load, before or after it is done. */
function failing(sink: Sink, at: number, after = false): Sink {
  let loads = 0
  return {
    ...sink,
    async load(batch, signal) {
      const fails = ++loads === at
      if (fails && !after) throw new AuditError('the warehouse is away', { advice: 'Try later.', retryable: true })
      const counts = await sink.load(batch, signal)
      if (fails) throw new AuditError('the connection was lost', { advice: 'Try later.', retryable: true })
      return counts
    },
  }
}

describe('made logs', () => {
  it('come back record by record, whatever the size of a batch', async () => {
    const events = day(3000)
    const halves = { a: ndjson(...events.slice(0, 1500)), b: ndjson(...events.slice(1500)) }
    const [sink, apart] = [newSink(), newSink()]
    expect(countsOf(await loadInto(sink, halves))).toEqual([3000, 0, 0, 0])
    await loadInto(apart, halves, { batchBytes: 1 })
    expect(await contentOf(apart)).toEqual(await contentOf(sink))
    const texts = (records: readonly object[]): string[] =>
      records
        .map((record) =>
          JSON.stringify(
            Object.entries(record)
              .map(([key, value]) => `${key} ${value}`)
              .sort(),
          ),
        )
        .sort()
    expect(texts((await eventsOf(sink)).map(rebuild))).toEqual(texts(events))
  })

  it('with and without names are the same rows in either order', async () => {
    const [named, bare] = [ndjson(...day(500)), ndjson(...day(500).map(withoutNames))]
    const sinks = [newSink(), newSink(), newSink()] as const
    await loadInto(sinks[0], { named })
    expect(countsOf(await loadInto(sinks[0], { bare }))).toEqual([0, 0, 500, 0])
    await loadInto(sinks[1], { bare })
    const [, enriched, unchanged] = countsOf(await loadInto(sinks[1], { named }))
    expect([enriched, unchanged]).toEqual([500, 0])
    await loadInto(sinks[2], { bare, named })
    expect(await contentOf(sinks[1])).toEqual(await contentOf(sinks[0]))
    expect(await contentOf(sinks[2])).toEqual(await contentOf(sinks[0]))
  })
})

describe('what is already loaded', () => {
  it('is not opened again, and is when its version is another', async () => {
    const sink = newSink()
    let opened = 0
    const document = (version: string): Document => {
      const made = documentOf('a', ndjson(EVENT), version)
      return { ...made, open: (signal) => made.open(signal).finally(() => opened++) }
    }
    await loadInto(sink, [document('1')])
    expect(await loadInto(sink, [document('1')])).toMatchObject({ documents: 0, skipped: 1 })
    expect(opened).toBe(1)
    expect(await loadInto(sink, [document('2')])).toMatchObject({ documents: 1, skipped: 0 })
    expect(opened).toBe(2)
  })

  it('is read again for a sink that lacks it, and changes nothing in the others', async () => {
    const [one, other] = [newSink(), newSink()]
    await loadInto(one, { a: ndjson(EVENT) })
    const summary = await loadInto(one, { a: ndjson(EVENT) }, { sinks: [one, other] })
    expect(summary.sinks).toMatchObject([
      { inserted: 0, unchanged: 1 },
      { inserted: 1, unchanged: 0 },
    ])
    expect(await contentOf(other)).toEqual(await contentOf(one))
  })

  it('is read again on request', async () => {
    const sink = newSink()
    const source = sourceOf([documentOf('a', ndjson(EVENT), '1')])
    await loadInto(sink, { sources: [source] })
    const again = await loadInto(sink, {}, { jobs: [{ source, range: EVERYTHING, refetch: true }] })
    expect(again).toMatchObject({ documents: 1, skipped: 0, sinks: [{ unchanged: 1 }] })
  })

  it('is one document however often it is listed', async () => {
    const sink = newSink()
    const document = documentOf('a', ndjson(EVENT, EVENT), '1')
    expect(countsOf(await loadInto(sink, [document, document]))).toEqual([2, 0, 0, 0])
  })
})

describe('what fails', () => {
  it('after a commit is counted, and the batch is not loaded again in parts', async () => {
    const [one, other] = [newSink(), newSink()]
    let loads = 0
    const dying: Sink = {
      ...one,
      async load(batch, signal) {
        loads++
        const committed = await one.load(batch, signal)
        throw new AuditError('committed, and then away', { committed })
      },
    }
    const documents = { a: ndjson(EVENT), b: ndjson(...day(50)) }
    const summary = await loadInto(one, documents, { sinks: [dying, other] })
    expect(summary.sinks).toMatchObject([
      { error: 'committed, and then away', read: 51, inserted: 51 },
      { error: null, read: 51, inserted: 51 },
    ])
    expect(loads).toBe(1)
  })

  it('leaves a document out whole, and the others in', async () => {
    const sink = newSink()
    const whole = gzipSync(ndjson(...day(100)))
    const summary = await loadInto(sink, { cut: whole.subarray(0, -9), good: ndjson(EVENT) })
    expect(summary).toMatchObject({ documents: 1, sinks: [{ inserted: 1 }] })
    expect(summary.failed).toEqual([
      {
        document: 'cut',
        error: expect.stringMatching(/cut short, damaged or followed by other bytes; none of it was loaded/),
        advice: expect.anything(),
      },
    ])
    expect((await sink.receipts('test')).has('cut')).toBe(false)
    expect(countsOf(await loadInto(sink, { cut: whole, good: ndjson(EVENT) }))).toEqual([100, 0, 0, 0])
  })

  it('in one sink is said, does not undo another, and is made good by the next run', async () => {
    const [one, other] = [newSink(), newSink()]
    const documents = { a: ndjson(EVENT), b: ndjson(...day(50)), c: ndjson(...day(60)) }
    const options = { sinks: [failing(one, 2), other], batchBytes: 1 }
    const summary = await loadInto(one, documents, options)
    expect(summary.sinks).toMatchObject([
      { error: 'the warehouse is away', inserted: 1 },
      { error: null, read: 111 },
    ])
    await loadInto(one, documents, { sinks: [one, other] })
    expect(await contentOf(one)).toEqual(await contentOf(other))
  })

  it('in every sink ends the run', async () => {
    await expect(loadInto(failing(newSink(), 1), { a: ndjson(EVENT) })).rejects.toThrow('the warehouse is away')
  })

  it('after the commit leaves the next run nothing to do twice', async () => {
    const sink = newSink()
    const documents = { a: ndjson(EVENT, EVENT), b: ndjson(EVENT) }
    await expect(loadInto(failing(sink, 1, true), documents)).rejects.toThrow('the connection was lost')
    const before = await contentOf(sink)
    expect(countsOf(await loadInto(sink, documents))).toEqual([0, 0, 0, 0])
    expect(await contentOf(sink)).toEqual(before)
  })

  it.each([1, 2, 3])('after %i batches is taken up where it ended', async (at) => {
    const documents = Object.fromEntries(day(40).map((event, i) => [String(i % 4), ndjson(event, EVENT, 'bad')]))
    const [sink, undisturbed] = [newSink(), newSink()]
    await expect(loadInto(failing(sink, at + 1, at % 2 === 0), documents, { batchBytes: 1 })).rejects.toThrow(
      AuditError,
    )
    await loadInto(sink, documents)
    await loadInto(undisturbed, documents)
    expect(await contentOf(sink)).toEqual(await contentOf(undisturbed))
  })

  it('says nothing of a record', async () => {
    const secret = 'ada.lovelace@example.com'
    const line = `{"timestamp":"${secret}","action":"${secret}","actor_email":"${secret}"}`
    const spoken: string[] = []
    const hear = (...parts: unknown[]): void =>
      void spoken.push(JSON.stringify(parts.map((part) => (part instanceof Error ? `${part} ${part.cause}` : part))))
    const logger = { ...silentLogger, info: hear, warn: hear, error: hear, debug: hear }
    const sink = newSink()
    const pages = { page: `{"audit_logs":[${line}],"count":7,"next_cursor":"${secret}"}` }
    const page = { more: `{"audit_logs":[${line}],"next_cursor":"${secret}"}`, ...pages }
    const summary = await loadInto(
      sink,
      { ...page, lines: `${line}\n${line} ${secret}`, cut: gzipSync(line).subarray(0, 40) },
      { logger },
    )
    const rejects = (await contentOf(sink)).audit_rejects?.map(({ message, reason }) => ({ message, reason }))
    expect(rejects).toHaveLength(3)
    expect(spoken).toHaveLength(1)
    expect(JSON.stringify([summary, spoken, rejects])).not.toContain('lovelace')
  })
})

describe('a source or a sink that cannot be opened', () => {
  const away = (what: string) => new AuditError(`${what} is away`, { advice: 'Try later.' })
  const unlisted = (id: string): Source => ({
    id,
    // biome-ignore lint/correctness/useYield: it fails before it lists anything
    async *list() {
      throw away(id)
    },
    async close() {},
  })

  it('is named, and the other sources are loaded', async () => {
    const sink = newSink()
    const summary = await loadInto(sink, { sources: [unlisted('one'), sourceOf([documentOf('a', ndjson(EVENT))])] })
    expect(summary.failed).toEqual([{ document: 'one', error: 'one is away', advice: 'Try later.' }])
    expect(countsOf(summary)).toEqual([1, 0, 0, 0])
  })

  it('ends the run where it is the only one', async () => {
    await expect(loadInto(newSink(), { sources: [unlisted('one'), unlisted('two')] })).rejects.toThrow('one is away')
    const broken: Sink = { ...newSink(), prepare: () => Promise.reject(away('the sink')) }
    await expect(loadInto(broken, { a: ndjson(EVENT) })).rejects.toThrow('the sink is away')
  })

  it('does not keep the other sinks from their load', async () => {
    const broken: Sink = { ...newSink(), prepare: () => Promise.reject(away('the sink')) }
    const sink = newSink()
    const summary = await loadInto(sink, { a: ndjson(EVENT) }, { sinks: [broken, sink] })
    expect(summary.sinks).toMatchObject([
      { error: 'the sink is away', read: 0 },
      { error: null, inserted: 1 },
    ])
  })

  it('whose receipts cannot be read takes nothing, and the other sinks do', async () => {
    const broken: Sink = { ...newSink(), receipts: () => Promise.reject(away('the sink')) }
    const sink = newSink()
    const summary = await loadInto(sink, { a: ndjson(EVENT) }, { sinks: [broken, sink] })
    expect(summary.failed).toEqual([])
    expect(summary.sinks).toMatchObject([
      { error: 'the sink is away', read: 0 },
      { error: null, inserted: 1 },
    ])
  })

  it('asks each sink for its receipts once, whatever the source makes of them', async () => {
    const sink = newSink()
    let asked = 0
    const counting: Sink = { ...sink, receipts: (source) => sink.receipts(source).finally(() => asked++) }
    const windows: unknown[] = []
    const days = { from: new Date('2026-01-01'), to: null }
    const source: Source = {
      ...sourceOf([documentOf('a', ndjson(EVENT))]),
      window: (receipts) => {
        windows.push(receipts)
        return days
      },
    }
    const listed = vi.spyOn(source, 'list')
    await loadInto(counting, {}, { jobs: [{ source, range: null, refetch: false }] })
    expect(asked).toBe(1)
    expect(windows).toEqual([[new Map()]])
    expect(listed.mock.calls[0]?.[0]).toBe(days)
  })
})

describe('a document that cannot be had any more', () => {
  /** As large as what is read in place. */
  const large = (event: object): string => `${ndjson(event)}${'\n'.repeat(1 << 20)}`

  /** Does something each time the engine has read the files of a batch. */
  async function engineThat(work: () => void): ReturnType<typeof newEngine> {
    const engine = await newEngine()
    const number = engine.number.bind(engine)
    engine.number = (sql) => {
      work()
      return number(sql)
    }
    return engine
  }

  it.each<[string, (path: string) => void]>([
    ['is moved away', (path) => rmSync(path, { force: true })],
    ['never stops growing', (path) => appendFileSync(path, ndjson(EVENT))],
  ])('because it %s does not stop the others', async (_what, meddle) => {
    const folder = newFolder()
    const path = join(folder, 'a.json')
    writeFileSync(path, large(EVENT))
    writeFileSync(join(folder, 'b.json'), large({ ...EVENT, actor_user_id: 8 }))
    let meddling = true
    const engine = await engineThat(() => {
      if (meddling) meddle(path)
    })
    const growing: Source = {
      ...fileSource(folder),
      async *list(range, signal) {
        for await (const document of fileSource(folder).list(range, signal)) {
          if (document.id !== path) yield document
          else
            yield {
              ...document,
              async open(stop) {
                const stream = await document.open(stop)
                // As it is read again, it changes again.
                if (existsSync(path) && !document.id.endsWith('b.json') && grown) appendFileSync(path, ndjson(EVENT))
                grown = true
                return stream
              },
            }
        }
      },
    }
    let grown = false
    const sink = newSink()
    const summary = await loadInto(sink, { sources: [growing] }, { engine })
    meddling = false
    expect(summary.failed.map(({ document }) => document)).toEqual([path])
    expect(await eventsOf(sink)).toMatchObject([{ actor_user_id: '8' }])
    expect([...(await sink.receipts('files')).keys()]).toEqual([join(folder, 'b.json')])
  })

  it('transforms again until no other document changed meanwhile', async () => {
    const folder = newFolder()
    const paths = ['a.json', 'b.json'].map((name) => join(folder, name))
    for (const path of paths) writeFileSync(path, large(EVENT))
    const changes = paths.map((path, i) => () => writeFileSync(path, large({ ...EVENT, actor_user_id: 10 + i })))
    let last = ''
    const engine = await engineThat(() => {})
    const run = engine.run.bind(engine)
    engine.run = async (sql) => {
      await run(sql)
      if (/^\s*CREATE TABLE staged/.test(sql)) changes.shift()?.()
      last = sql
    }
    const sink = newSink()
    await loadInto(sink, { sources: [fileSource(folder)] }, { engine })
    expect(last).not.toBe('')
    expect((await eventsOf(sink)).map(({ actor_user_id }) => actor_user_id).sort()).toEqual(['10', '11'])
  })

  it('nor does one that cannot be transformed stop those of the next batch', async () => {
    const engine = await newEngine()
    const run = engine.run.bind(engine)
    let batches = 0
    engine.run = (sql) => {
      if (/CREATE TABLE staged/.test(sql) && ++batches === 1) return Promise.reject(new AuditError('out of memory'))
      return run(sql)
    }
    const sink = newSink()
    const summary = await loadInto(sink, { a: ndjson(EVENT), b: ndjson(EVENT) }, { engine, batchBytes: 1 })
    expect(summary).toMatchObject({
      documents: 1,
      failed: [{ document: 'a', error: 'transforming a failed: out of memory' }],
    })
    expect([...(await sink.receipts('test')).keys()]).toEqual(['b'])
  })
})

it('after a crash, a document that changes before it is opened is remembered in the version that was read', async () => {
  /** As a bucket's object: its version is a getter of its class. */
  class Changing implements Document {
    readonly id = 'a'
    readonly bytes = null
    readonly range = null
    private reads = 0

    get version(): string {
      return `v${this.reads}`
    }

    async open(): Promise<AsyncIterable<Uint8Array>> {
      this.reads++
      return opened(documentOf('a', ndjson(EVENT)))
    }
  }
  const sink = newSink()
  const journal = new Journal([sink.id], [{ type: 'died', how: 'SIGSEGV' }])
  expect(countsOf(await loadInto(sink, [new Changing()], { journal }))).toEqual([1, 0, 0, 0])
  expect([...(await sink.receipts('test'))]).toEqual([['a', 'v1']])
})

describe('some days only', () => {
  const at = (timestamp: string) => ({ ...EVENT, timestamp })
  const LINES = ndjson(
    at('2026-09-30T23:59:59.999999Z'),
    at('2026-10-01T00:00:00Z'),
    at('2026-10-01T00:00:00Z'),
    '{cut',
    at('2026-10-02T00:00:00+01:00'),
    at('2026-10-02T00:00:00Z'),
  )
  const october = { from: new Date('2026-10-01'), to: new Date('2026-10-02') }
  const days = (range: Job['range'], documents = [documentOf('a', LINES), documentOf('b', LINES, 'ETag')]) => ({
    jobs: [{ source: sourceOf(documents), range, refetch: false }],
  })

  it('are chosen by the events, and what lies outside is passed over, not counted and not remembered as loaded', async () => {
    const sink = newSink()
    const some = await loadInto(sink, [], days(october))
    expect(countsOf(some)).toEqual([3, 0, 3, 2])
    expect(some.sinks[0]?.read).toBe(8)
    expect((await eventsOf(sink)).map(({ timestamp }) => timestamp)).toEqual([
      '2026-10-01T00:00:00Z',
      '2026-10-01T00:00:00Z',
      '2026-10-01T23:00:00Z',
    ])
    expect(await loadInto(sink, [], days(october))).toMatchObject({ documents: 0, skipped: 2 })
    const all = await loadInto(sink, [], days(EVERYTHING))
    expect(countsOf(all)).toEqual([2, 0, 8, 2])
    expect(await loadInto(sink, [], days(october))).toMatchObject({ documents: 0, skipped: 2 })
    const whole = newSink()
    await loadInto(whole, [], days(EVERYTHING))
    expect(await contentOf(sink)).toEqual(await contentOf(whole))
  })

  it.each([
    ['from a day on', { from: october.from, to: null }, 4],
    ['up to a day', { from: null, to: october.from }, 1],
    ['without any event', { from: new Date('2027-01-01'), to: null }, 0],
  ])('%s', async (_what, range, events) => {
    const sink = newSink()
    expect(countsOf(await loadInto(sink, [], days(range, [documentOf('a', LINES)])))).toEqual([events, 0, 0, 1])
  })

  it('do not cut what a source asked for itself', async () => {
    const sink = newSink()
    const window = { ...documentOf('a', LINES, 'final'), range: october }
    expect(countsOf(await loadInto(sink, [], days(october, [window])))).toEqual([5, 0, 0, 1])
    expect([...(await sink.receipts('test')).values()]).toEqual(['final'])
  })
})

describe('small documents that share a spool file', () => {
  it('are told apart: lines, rejects, repeats and receipts are those of each', async () => {
    const odd = { ...EVENT, response_code: 1.5, note: '\u0041' }
    const contents = Array.from({ length: 40 }, (_, i) =>
      ndjson(EVENT, '{cut', odd, '', { ...EVENT, actor_user_id: i }),
    )
    const documents = contents.map((content, i) => documentOf(`d${i}`, content))
    const [sink, apart] = [newSink(), newSink()]
    await loadInto(sink, documents)
    await loadInto(apart, documents, { batchBytes: 1 })
    const rows = async (of: Sink) => ({
      events: (await eventsOf(of)).map(({ source_document, source_line, content_hash }) => ({
        source_document,
        source_line,
        content_hash,
      })),
      rejects: await rowsOf(of, 'SELECT reject_id, source_document, source_line, raw FROM audit_rejects ORDER BY ALL'),
      receipts: await rowsOf(
        of,
        'SELECT document, sha256, bytes, rows_read, rejected FROM audit_documents ORDER BY ALL',
      ),
    })
    expect(await rows(sink)).toEqual(await rows(apart))
    expect((await rows(sink)).rejects).toHaveLength(40)
  })
})

describe('a file that grows while it is transformed', () => {
  it('is landed again before anything of it is loaded', async () => {
    const folder = newFolder()
    const path = join(folder, 'log.ndjson')
    // Smaller files are copied, and cannot change any more.
    writeFileSync(path, `${ndjson(EVENT)}${'\n'.repeat(1 << 20)}`)
    const engine = await newEngine()
    const rows = engine.rows.bind(engine)
    let grown = false
    // The engine asks for rows once it has read the file.
    engine.rows = (sql) => {
      if (!grown) appendFileSync(path, ndjson({ ...EVENT, actor_user_id: 8 }))
      grown = true
      return rows(sql)
    }
    const sink = newSink()
    const source = fileSource(folder)
    expect(countsOf(await loadInto(sink, { sources: [source] }, { engine }))).toEqual([2, 0, 0, 0])
    expect(countsOf(await loadInto(sink, { sources: [source] }, { engine }))).toEqual([0, 0, 2, 0])
    expect(await loadInto(sink, { sources: [source] }, { engine })).toMatchObject({ skipped: 1 })
  })
})

describe('a run', () => {
  it('leaves nothing in its folder', async () => {
    const folder = newFolder()
    const documents = { a: ndjson(EVENT), b: ndjson(EVENT), c: `{"audit_logs":[${JSON.stringify(EVENT)}]}` }
    await loadInto(newSink(), documents, { folder, batchBytes: 1 })
    expect(readdirSync(folder, { recursive: true }).filter((name) => /\d{8}/.test(String(name)))).toEqual([])
  })

  it('that is interrupted loads no further batch and says so', async () => {
    const controller = new AbortController()
    const sink = newSink()
    const stopping: Sink = {
      ...sink,
      async load(batch, signal) {
        const counts = await sink.load(batch, signal)
        controller.abort()
        return counts
      },
    }
    const documents = { a: ndjson(EVENT), b: ndjson(...day(5)), c: ndjson(...day(6)) }
    const interruptedRun = loadInto(stopping, documents, { batchBytes: 1, signal: controller.signal })
    await expect(interruptedRun).rejects.toMatchObject({ message: 'interrupted', exitCode: 130 })
    expect([...(await sink.receipts('test')).keys()]).toEqual(['a'])
  })

  it('of no source lists nothing and prepares its sink', async () => {
    const sink = newSink()
    const summary = await run({
      jobs: [],
      sinks: [sink],
      engine: await newEngine(),
      folder: newFolder(),
      batchBytes: 1,
      loaderVersion: 'test',
      logger: silentLogger,
      progress: silentProgress,
      signal: never,
    })
    expect(summary).toMatchObject({ documents: 0, skipped: 0, failed: [] })
    expect(await eventsOf(sink)).toEqual([])
  })
})

it('stopped while it fetches, a run goes on after the batches that it committed', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const ids = ['a', 'b', 'c', 'd', 'e']
    const opened: string[] = []
    const controller = new AbortController()
    const documents = ids.map((id): Document => {
      const event = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: id }
      const document = documentOf(id, ndjson(event), 'final')
      return {
        ...document,
        open(signal) {
          opened.push(id)
          if (id === 'e' && opened.length === ids.length) controller.abort()
          vi.setSystemTime(Date.now() + 60_000)
          return document.open(signal)
        },
      }
    })
    const sink = newSink()
    await expect(loadInto(sink, documents, { signal: controller.signal })).rejects.toThrow('interrupted')
    const committed = [...(await sink.receipts('test')).keys()]
    expect(committed).toEqual(expect.arrayContaining(['a', 'b']))
    opened.length = 0
    await loadInto(sink, documents)
    expect(opened).toEqual(ids.filter((id) => !committed.includes(id)))
    expect(await eventsOf(sink)).toHaveLength(ids.length)
  } finally {
    vi.useRealTimers()
  }
})
