/** What is read and kept, for those who pay for it: by the stand-in's own account, which skips what a filter spares. */

import { describe, expect, it } from 'vitest'
import { documentOf, loadInto, ndjson, newEngine, sourceOf } from '../../support/load.js'
import { rowsOf } from '../../support/rows.js'
import { newPlace, type Place } from './support.js'

const BYTES_A_ROW = 100
const DAY_MS = 86_400_000

const bytesOf = ({ standIn }: Place, from = 0): number =>
  standIn
    .jobs()
    .slice(from)
    .reduce((sum, { statistics }) => sum + Number(statistics.totalBytesProcessed ?? 0), 0)

describe('status', () => {
  it('of 400 days reads the days it shows, and what is small', async () => {
    const place = await newPlace()
    const sink = place.open()
    const perDay = 5
    const events = Array.from({ length: 400 * perDay }, (_, i) => ({
      timestamp: new Date(Date.parse('2025-08-01') + Math.floor(i / perDay) * DAY_MS + i).toISOString(),
      action: i % 7 === 0 ? 'run:teleport' : 'user:login',
      ...(i % 3 === 0 ? { run_asset: i } : {}),
    }))
    const odd = { timestamp: '2500-01-01T00:00:00Z', action: 'user:login' }
    await loadInto(sink, {
      old: ndjson(...events.slice(0, 1000)),
      new: ndjson(...events.slice(1000), 'no json'),
      odd: ndjson(odd),
    })
    const before = place.standIn.jobs().length
    const answers = new Map<string, unknown[]>()
    // BigQuery counts the rows of a table for nothing; the stand-in reads them.
    for (const { name, sql } of await sink.questions.status(14))
      if (name !== 'missing_events') answers.set(name, await rowsOf(sink, sql))
    const days = answers.get('days')
    // Twelve of the usual ones, that of a wrong clock, and today's reject.
    expect(days).toHaveLength(14)
    expect(days).toContainEqual(expect.objectContaining({ day: '2500-01-01', source: 'test', events: 1 }))
    expect(days).toContainEqual(expect.objectContaining({ day: '2026-09-03', source: 'test', events: perDay }))
    expect(answers.get('sources')).toMatchObject([{ documents: 3 }])
    expect(answers.get('unknown_actions')).toMatchObject([{ action: 'run:teleport', events: 10 }])
    // Three questions look at the events; 402 rows tell of partitions, the others of actions, receipts and a reject.
    const shown = 3 * (14 * perDay + 1)
    expect(bytesOf(place, before)).toBeLessThanOrEqual((shown + 402 + 120) * BYTES_A_ROW)
    expect(events.length).toBeGreaterThan(2 * (shown + 402 + 120))
  })

  it('of a dataset without tables says so', async () => {
    const { open, standIn } = await newPlace()
    const asking = async () => (await open().questions.status(14)).length
    await expect(asking()).rejects.toMatchObject({ advice: expect.stringContaining('Load something') })
    expect(standIn.jobs()).toEqual([])
  })
})

describe('receipts', () => {
  it('are one row a document, that of the version it was read in last', async () => {
    const { open } = await newPlace()
    const sink = open()
    const event = (i: number) => ndjson({ timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: i })
    for (const version of ['1', '2', '3']) {
      await loadInto(sink, [documentOf('a', event(Number(version)), version), documentOf('b', event(9), version)])
    }
    expect(await rowsOf(sink, 'SELECT document, document_version FROM audit_documents ORDER BY document')).toEqual([
      { document: 'a', document_version: '3' },
      { document: 'b', document_version: '3' },
    ])
    expect(await sink.receipts('test')).toEqual(
      new Map([
        ['a', '3'],
        ['b', '3'],
      ]),
    )
  })

  it('of other sources are not read by a load', async () => {
    const place = await newPlace()
    const sink = place.open()
    const load = async (id: string, documents: number): Promise<number> => {
      const before = place.standIn.jobs().length
      const list = async function* () {
        for (let i = 0; i < documents; i++) yield documentOf(`${id} ${i}`, '')
      }
      await loadInto(sink, { sources: [{ id, list, close: async () => {} }] }, { engine: await newEngine() })
      return bytesOf(place, before)
    }
    const alone = await load('small', 1)
    await load('large', 300)
    // One receipt more, and one load.
    expect(await load('small', 1)).toBeLessThanOrEqual(alone + 10 * BYTES_A_ROW)
  })
})

describe('a backfill of the API', () => {
  it('of 90 days is one load job, and one merge beside what every run asks', async () => {
    const { standIn, open } = await newPlace()
    const days = Array.from({ length: 90 }, (_, i) => new Date(Date.parse('2026-07-01') + i * DAY_MS))
    const documents = days.map((day, i) =>
      documentOf(
        `https://acme.wandb.io/admin/audit_logs#${day.toISOString().slice(0, 10)}`,
        ndjson({ timestamp: day.toISOString(), action: 'user:login', actor_user_id: i }),
      ),
    )
    const source = sourceOf(documents, 'https://acme.wandb.io')
    const sink = open()
    await sink.prepare()
    const before = standIn.jobs().length
    const summary = await loadInto(sink, { sources: [source] })
    expect(summary.sinks[0]).toMatchObject({ inserted: 90 })
    const kinds = standIn
      .jobs()
      .slice(before)
      .map(({ configuration }) => (configuration.load === undefined ? 'query' : 'load'))
    expect(kinds.toSorted()).toEqual(['load', 'query', 'query', 'query'])
  })
})
