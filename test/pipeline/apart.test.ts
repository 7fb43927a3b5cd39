import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import type { Sink } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import { fileSource } from '../../src/sources/files.js'
import { countsOf, documentOf, loadInto, ndjson, newEngine, newFolder } from '../support/load.js'
import { POISON, poisonedEngine, squeamish } from '../support/poison.js'
import { contentOf, eventsOf, rowsOf } from '../support/rows.js'

const newSink = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1000, onWait() {} })
const event = (id: number, action = 'user:login') => ({ timestamp: '2026-10-01T12:34:56Z', action, actor_user_id: id })
const bad = (id: number) => event(id, POISON)
const many = (from: number, count: number) => Array.from({ length: count }, (_, i) => event(from + i))
const actors = async (sink: Sink): Promise<number[]> =>
  (await eventsOf(sink)).map(({ actor_user_id }) => Number(actor_user_id)).sort((a, b) => a - b)
const rejectsOf = (sink: Sink) =>
  rowsOf(
    sink,
    'SELECT source_document, source_line::INTEGER AS source_line, reason, message, raw FROM audit_rejects ORDER BY ALL',
  )
const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64')

describe('a line that the engine fails on', () => {
  it('is set aside with its reason and raw, and everything else of its batch is loaded, for ever', async () => {
    const documents = Object.fromEntries(many(0, 20).map((each, i) => [`d${i}`, ndjson(each, '', each)]))
    documents.d13 = ndjson(event(100), bad(101), '', 'no json', event(102), event(102))
    const sink = newSink()
    const { engine } = await poisonedEngine()
    const summary = await loadInto(sink, documents, { engine })
    expect(summary).toMatchObject({ documents: 20, failed: [], sinks: [{ error: null }] })
    expect(countsOf(summary)).toEqual([41, 0, 0, 2])
    expect(await rejectsOf(sink)).toMatchObject([
      {
        source_document: 'd13',
        source_line: 2,
        reason: 'engine_refused',
        message: 'the engine: poisoned',
        raw: JSON.stringify(bad(101)),
      },
      { source_document: 'd13', source_line: 3, reason: 'not_json' },
    ])
    expect(
      (await eventsOf(sink))
        .filter(({ source_document }) => source_document === 'd13')
        .map(({ source_line }) => Number(source_line))
        .sort(),
    ).toEqual([1, 4, 5])
    expect(await loadInto(sink, documents, { engine })).toMatchObject({ documents: 0, skipped: 20 })
  })

  it('costs little more than reading its document twice', async () => {
    const lines = many(0, 5000)
    const { engine, readings } = await poisonedEngine()
    const sink = newSink()
    await loadInto(sink, { a: ndjson(...lines.slice(0, 1234), bad(9999), ...lines.slice(1234)) }, { engine })
    expect(await actors(sink)).toEqual(lines.map(({ actor_user_id }) => actor_user_id))
    // 16 trials for each of four levels, at most, and a few for the whole.
    expect(readings()).toBeLessThan(16 * 4 + 10)
  })

  it('is found in a file that is read in place, among long lines too', async () => {
    const folder = newFolder()
    const long = { ...event(3), note: 'x'.repeat(1 << 20) }
    const path = join(folder, 'a.ndjson')
    for (const lines of [
      [event(1), bad(2), event(4)],
      [long, bad(2), event(4), long],
    ]) {
      writeFileSync(path, ndjson(...lines, ...Array(10).fill(' '.repeat(1 << 17))))
      const sink = newSink()
      const { engine } = await poisonedEngine()
      const summary = await loadInto(sink, { sources: [fileSource(folder)] }, { engine })
      expect(countsOf(summary)).toEqual([lines.length - 1, 0, 0, 1])
      expect(await rejectsOf(sink)).toMatchObject([{ source_line: 2, raw: JSON.stringify(bad(2)) }])
    }
  })
})

describe('what the engine fails on', () => {
  it('because there is too much of it at once is loaded in halves, and nothing is set aside', async () => {
    const sink = newSink()
    const documents = Object.fromEntries(many(0, 16).map(({ actor_user_id: id }) => [`d${id}`, ndjson(bad(id))]))
    const { engine } = await poisonedEngine(4)
    expect(countsOf(await loadInto(sink, documents, { engine }))).toEqual([16, 0, 0, 0])
  })

  it('only as a whole fails its document, by name, and no other', async () => {
    const sink = newSink()
    const { engine } = await poisonedEngine(2)
    const summary = await loadInto(
      sink,
      { a: ndjson(event(1)), b: ndjson(bad(2), bad(3)), c: ndjson(event(4)) },
      { engine },
    )
    expect(summary).toMatchObject({
      documents: 2,
      failed: [{ document: 'b', error: 'transforming b failed: the engine: poisoned' }],
    })
    expect(await actors(sink)).toEqual([1, 4])
  })

  it('in more than a hundred lines fails its document', async () => {
    const sink = newSink()
    const { engine } = await poisonedEngine()
    const summary = await loadInto(
      sink,
      { a: ndjson(event(1)), b: ndjson(...many(0, 101).map(({ actor_user_id }) => bad(actor_user_id))) },
      { engine },
    )
    expect(summary).toMatchObject({ documents: 1, failed: [{ document: 'b' }] })
    expect([...(await sink.receipts('test')).keys()]).toEqual(['a'])
  })

  it('whatever it is given, sets no line aside', async () => {
    const engine = await newEngine()
    const run = engine.run.bind(engine)
    engine.run = (sql) => (/read_ndjson/.test(sql) ? Promise.reject(new AuditError('no space left')) : run(sql))
    const sink = newSink()
    const summary = await loadInto(sink, { a: ndjson(event(1)), b: ndjson(event(2)) }, { engine })
    expect(summary.failed.map(({ error }) => error)).toEqual([
      'transforming a failed: no space left',
      'transforming b failed: no space left',
    ])
    expect(await rejectsOf(sink)).toEqual([])
    expect((await sink.receipts('test')).size).toBe(0)
  })

  it('once for all is mended by starting it anew', async () => {
    const engine = await newEngine()
    engine.connection.closeSync()
    const sink = newSink()
    expect(countsOf(await loadInto(sink, { a: ndjson(event(1)), b: ndjson(event(2)) }, { engine }))).toEqual([
      2, 0, 0, 0,
    ])
  })
})

describe('a line that a sink refuses', () => {
  const documents = {
    a: ndjson(...many(0, 10)),
    b: ndjson(event(10), event(11), bad(12), event(11), bad(12), 'no json', `no json ${POISON}`, event(13)),
    c: ndjson(...many(20, 10)),
  }

  it('is set aside in that sink alone, and everything else is loaded, for ever', async () => {
    const [picky, other] = [newSink(), newSink()]
    const sink = squeamish(picky)
    const summary = await loadInto(picky, documents, { sinks: [sink, other] })
    expect(summary).toMatchObject({
      documents: 3,
      failed: [],
      sinks: [
        { error: null, read: 28 },
        { error: null, read: 28 },
      ],
    })
    expect(countsOf(summary)).toEqual([24, 0, 0, 4])
    expect(summary.sinks[1]).toMatchObject({ inserted: 26, rejected: 2 })
    const message = 'the sink: poisoned; raw is the line in base64'
    expect(await rejectsOf(picky)).toEqual([
      expect.objectContaining({
        source_document: 'b',
        source_line: 3,
        reason: 'sink_refused',
        message,
        raw: base64(bad(12)),
      }),
      expect.objectContaining({ source_line: 5, reason: 'sink_refused', raw: base64(bad(12)) }),
      expect.objectContaining({ source_line: 6, reason: 'not_json' }),
      expect.objectContaining({
        source_line: 7,
        reason: 'sink_refused',
        raw: Buffer.from(`no json ${POISON}`).toString('base64'),
      }),
    ])
    const receipts = 'SELECT document, rows_read, rejected FROM audit_documents ORDER BY ALL'
    expect(await rowsOf(picky, receipts)).toMatchObject([{ rejected: 0n }, { rows_read: 8n, rejected: 4n }, {}])
    expect(await loadInto(picky, documents, { sinks: [sink, other] })).toMatchObject({ documents: 0, skipped: 3 })
  })

  it('leaves the rows that it would leave in the whole, and again where receipts were lost', async () => {
    const [picky, other] = [newSink(), newSink()]
    const sink = squeamish(picky)
    await loadInto(picky, documents, { sinks: [sink, other] })
    const whole = (await eventsOf(other)).filter(({ action }) => action !== POISON)
    const identity = ({ content_hash, source_document, source_line }: Record<string, unknown>) => ({
      content_hash,
      source_document,
      source_line,
    })
    expect((await eventsOf(picky)).map(identity)).toEqual(whole.map(identity))
    const before = await contentOf(picky)
    const refetch = Object.entries(documents).map(([id, content]) => documentOf(id, content, 'again'))
    expect(countsOf(await loadInto(picky, refetch, { sinks: [sink] }))).toEqual([0, 0, 24, 4])
    const after = await contentOf(picky)
    expect([after.audit_events, after.audit_rejects?.length]).toEqual([before.audit_events, 4])
  })

  it('does not keep the next batch from it', async () => {
    const sink = newSink()
    const summary = await loadInto(sink, documents, { sinks: [squeamish(sink)], batchBytes: 1 })
    expect(countsOf(summary)).toEqual([24, 0, 0, 4])
  })

  it('in hundreds fails its document there, and no other', async () => {
    const [picky, other] = [newSink(), newSink()]
    const flood = {
      ...documents,
      d: ndjson(...many(800, 20), ...many(100, 150).map(({ actor_user_id }) => bad(actor_user_id))),
    }
    const summary = await loadInto(picky, flood, { sinks: [squeamish(picky), other] })
    expect(summary.failed).toMatchObject([
      { document: 'd', error: expect.stringMatching(/refuses d: .*more than 100/) },
    ])
    expect(summary.sinks).toMatchObject([{ error: null }, { error: null, read: 198 }])
    expect([...(await picky.receipts('test')).keys()].sort()).toEqual(['a', 'b', 'c'])
  })
})

describe('a sink that fails for another reason than the data', () => {
  it.each([
    ['it may do later', new AuditError('away', { retryable: true })],
    ['its disk is full', new AuditError('full', { outside: true })],
    ['its login is missing', new AuditError('who are you', { exitCode: 2 })],
  ])('because %s is asked once', async (_why, error) => {
    let asked = 0
    const failing: Sink = { ...newSink(), load: () => Promise.reject(++asked && error) }
    const other = newSink()
    const summary = await loadInto(
      other,
      { a: ndjson(...many(0, 9)), b: ndjson(event(9)) },
      { sinks: [failing, other], batchBytes: 1 },
    )
    expect(summary.sinks).toMatchObject([
      { error: error.message, read: 0 },
      { error: null, read: 10 },
    ])
    expect(asked).toBe(1)
  })

  it('that it does not tell is given up after three documents that it refuses down to the rejects', async () => {
    let asked = 0
    const failing: Sink = { ...newSink(), load: () => Promise.reject(++asked && new AuditError('broken')) }
    const other = newSink()
    const input = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`d${i}`, ndjson(...many(i * 64, 64))]))
    const summary = await loadInto(other, input, { sinks: [failing, other] })
    expect(summary.sinks).toMatchObject([
      { error: 'broken', read: 0 },
      { error: null, read: 4096 },
    ])
    expect(asked).toBeLessThan(150)
  })
})
