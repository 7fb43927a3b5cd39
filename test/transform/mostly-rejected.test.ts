import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import type { Sink } from '../../src/contract.js'
import { countsOf, documentOf, loadInto, ndjson, newFolder } from '../support/load.js'
import { rowsOf } from '../support/rows.js'

const event = (user: number): string =>
  `{"timestamp":"2026-10-01T12:34:56Z","action":"user:login","actor_user_id":${user}}`
const newSink = (): Sink => duckdbSink(`${newFolder()}/audit.duckdb`, { waitMs: 1000, onWait() {} })
const withoutAllowance = { maxRejects: undefined }

describe('a document of which more than half of the lines are rejects', () => {
  it.each([
    ['one line, a bad one', ndjson('hello'), 1],
    ['one good line, two bad ones', ndjson('hello', event(1), '{"a'), 2],
    ['many long ones', ndjson(...Array.from({ length: 10 }, () => 'x'.repeat(40_000)), event(1)), 10],
  ])('is refused, and the others of its batch are loaded: %s', async (_what, content, bad) => {
    const sink = newSink()
    const input = { before: ndjson(event(1), event(2)), bad: content, behind: ndjson(event(2), event(3)) }
    const summary = await loadInto(sink, input, withoutAllowance)
    expect(countsOf(summary)).toEqual([3, 0, 1, 0])
    expect(summary.documents).toBe(2)
    expect(summary.failed).toEqual([
      {
        document: 'bad',
        error: expect.stringMatching(new RegExp(`^${bad} of \\d+ lines of bad are not events, most of them not_json`)),
        advice: expect.stringContaining(`--max-rejects ${bad}`),
      },
    ])
    const rows = await rowsOf(sink, 'SELECT document, rows_read FROM audit_documents ORDER BY document')
    expect(rows.map(({ document }) => document)).toEqual(['before', 'behind'])
    expect(await rowsOf(sink, 'SELECT * FROM audit_rejects')).toEqual([])
  })

  it('is loaded where so many rejects are allowed, and not where fewer are', async () => {
    const sink = newSink()
    const input = { bad: ndjson('hello', event(1), '{"a') }
    expect((await loadInto(sink, input, { maxRejects: 1 })).failed).toHaveLength(1)
    expect(countsOf(await loadInto(sink, input, { maxRejects: 2 }))).toEqual([1, 0, 0, 2])
  })

  it('alone is refused, and nothing is left to load', async () => {
    const summary = await loadInto(newSink(), { bad: ndjson('hello') }, withoutAllowance)
    expect(summary).toMatchObject({ documents: 0, failed: [{ document: 'bad' }] })
  })
})

it('a document of which half of the lines are rejects is loaded with them', async () => {
  const input = { half: ndjson('hello', event(1)) }
  expect(countsOf(await loadInto(newSink(), input, withoutAllowance))).toEqual([1, 0, 0, 1])
})

describe('an answer of the API that holds a line that is not an event', () => {
  const range = { from: new Date('2026-10-01'), to: new Date('2026-10-02') }
  const good = [event(1), event(2), event(3), event(4), event(5)]

  it.each([
    '{"error":"backend: deadline exceeded"}',
    'upstream timed out',
    '[]',
    '{"timestamp":"2026-10-01T00:00:00Z"}',
  ])('is not loaded, and has no receipt that would keep the next run from asking again: %s', async (line) => {
    const sink = newSink()
    const answer = { ...documentOf('https://acme.wandb.io/x', ndjson(...good, line), 'final'), range }
    const summary = await loadInto(sink, [answer, documentOf('a', ndjson(event(6)))], withoutAllowance)
    expect(summary.failed).toMatchObject([{ error: expect.stringContaining('such as an error of the server') }])
    expect(countsOf(summary)).toEqual([1, 0, 0, 0])
    expect([...(await sink.receipts('test')).keys()]).toEqual(['a'])
    const mended = { ...documentOf('https://acme.wandb.io/x', ndjson(...good), 'final'), range }
    expect(countsOf(await loadInto(sink, [mended], withoutAllowance))).toEqual([5, 0, 0, 0])
  })

  it('is loaded where so many rejects are allowed, and one bad event among good ones stops none', async () => {
    const error = { ...documentOf('https://acme.wandb.io/x', ndjson(...good, '{"error":"x"}')), range }
    expect(countsOf(await loadInto(newSink(), [error], { maxRejects: 1 }))).toEqual([5, 0, 0, 1])
    const odd = '{"timestamp":"2026-10-01T00:00:00Z","action":"a","x":"\\ud800"}'
    const planted = { ...documentOf('https://acme.wandb.io/x', ndjson(...good, odd)), range }
    expect(countsOf(await loadInto(newSink(), [planted], withoutAllowance))).toEqual([5, 0, 0, 1])
    // A quiet minute may have no other event.
    const alone = { ...documentOf('https://acme.wandb.io/x', ndjson(odd)), range }
    expect(countsOf(await loadInto(newSink(), [alone], withoutAllowance))).toEqual([0, 0, 0, 1])
  })
})
