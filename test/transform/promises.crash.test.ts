import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import type { Sink } from '../../src/contract.js'
import { withIdentityText } from '../../src/transform/identity.js'
import { type ExactRecord, hashText } from '../support/exact.js'
import { countsOf, documentOf, loadInto, newFolder } from '../support/load.js'
import { documents, expected, type Made } from '../support/model.js'
import { contentOf, rebuild, rowsOf } from '../support/rows.js'

const newSink = (): Sink => duckdbSink(`${newFolder()}/audit.duckdb`, { waitMs: 1000, onWait() {} })

/** Each property loads dozens of times. */
vi.setConfig({ testTimeout: 300_000 })

/** The same documents each time; without shrinking, which would load for minutes. */
const RUNS = { seed: 20261001, endOnFailure: true }

let readings = 0

/** One run over the documents, each as if it had changed, so that no receipt spares its reading. */
async function readAgain(sink: Sink, made: readonly Made[], batchBytes = 1 << 20): Promise<readonly number[]> {
  readings++
  const input = made.map(({ id, lines }) => documentOf(id, lines.join('\n'), `reading ${readings}`))
  return countsOf(await loadInto(sink, input, { batchBytes }))
}

async function loaded(sink: Sink) {
  const rows = await rowsOf(
    sink,
    `SELECT * EXCLUDE (identity), identity AS text FROM (${withIdentityText('audit_events')})`,
  )
  const rejects = await rowsOf(sink, 'SELECT reject_id FROM audit_rejects')
  return {
    events: new Map(rows.map((row) => [String(row.content_hash), rebuild(row)])),
    texts: new Map(rows.map((row) => [String(row.content_hash), row.text])),
    rejects: new Set(rejects.map((row) => String(row.reject_id))),
  }
}

/** SQL does not give back the last zeros of `0.10`, so such a hash cannot be recomputed from the row there. */
const hasFractionalId = ({ run_asset }: ExactRecord): boolean => /[0-9][.]/.test(JSON.stringify(run_asset ?? ''))

const linesIn = (made: readonly Made[]): number => made.reduce((sum, { lines }) => sum + lines.length, 0)
const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

/** Some of the documents in some order, several times, as ever so many batches; at last all of them. */
const plans = documents.chain((made) =>
  fc
    .array(fc.tuple(fc.shuffledSubarray([...made], { minLength: 1 }), fc.constantFrom(1, 200, 1 << 20)), {
      maxLength: 3,
    })
    .chain((runs) => fc.shuffledSubarray([...made], { minLength: made.length }).map((all) => ({ made, runs, all }))),
)

describe('any order, overlap and repetition of documents', () => {
  it('ends in the events and rejects of the reference, every line accounted for', async () => {
    await fc.assert(
      fc.asyncProperty(plans, async ({ made, runs, all }) => {
        const sink = newSink()
        let inserted = 0
        for (const [some, batchBytes] of [...runs, [all, 1 << 20] as const]) {
          const counts = await readAgain(sink, some, batchBytes)
          expect(sum(counts)).toBe(linesIn(some))
          inserted += counts[0] ?? 0
        }
        const { events, rejects } = expected(made)
        const { texts, ...actual } = await loaded(sink)
        expect(actual).toEqual({ events, rejects })
        expect(inserted).toBe(events.size)
        for (const [hash, record] of events) {
          if (!hasFractionalId(record)) expect(texts.get(hash)).toBe(hashText(record))
        }

        const before = await contentOf(sink)
        const [again, enriched, unchanged] = await readAgain(sink, made)
        expect([again, enriched, unchanged]).toEqual([0, 0, linesIn(made) - [...made].flatMap(badLines).length])
        expect(await contentOf(sink)).toEqual(before)
      }),
      { ...RUNS, numRuns: 15 },
    )
  })

  it('one by one or all in one batch, the same rows come of it', async () => {
    await fc.assert(
      fc.asyncProperty(documents, async (made) => {
        const [together, apart, backwards] = [newSink(), newSink(), newSink()]
        const one = await readAgain(together, made)
        const other = await readAgain(apart, made, 1)
        await readAgain(backwards, [...made].reverse(), 1)
        expect(one).toEqual(other)
        const rows = await contentOf(together)
        expect(await contentOf(apart)).toEqual(rows)
        expect(await contentOf(backwards)).toEqual(rows)
      }),
      { ...RUNS, numRuns: 8 },
    )
  })
})

describe('a split', () => {
  it('of a window at any instant, with any overlap, gives the events of the whole', async () => {
    const second = (line: string): string => /"timestamp":"(.{19})/.exec(line)?.[1] ?? ''
    await fc.assert(
      fc.asyncProperty(documents, fc.nat(3), fc.nat(3), async (made, i, j) => {
        const whole: Made = { id: 'whole', lines: made.flatMap(({ lines }) => lines) }
        const seconds = [...new Set(whole.lines.map(second))].sort()
        const [from = '', to = ''] = [i, j].map((at) => seconds[at % seconds.length] ?? '').sort()
        const parts: readonly Made[] = [
          { id: 'late', lines: whole.lines.filter((line) => second(line) >= from) },
          { id: 'early', lines: whole.lines.filter((line) => second(line) < to) },
        ]
        const [one, other] = [newSink(), newSink()]
        await readAgain(one, [whole])
        await readAgain(other, parts, 1)
        expect((await contentOf(other)).audit_events).toEqual((await contentOf(one)).audit_events)
      }),
      { ...RUNS, numRuns: 8 },
    )
  })
})

const badLines = (made: Made): readonly string[] =>
  made.lines.filter((line) => expected([{ ...made, lines: [line] }]).rejects.size > 0)
