/** The file that a load job takes: no page of it is larger than BigQuery reads, whatever the lines are like. */

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeStaged } from '../../../sinks/bigquery/stage.js'
import type { Batch } from '../../../src/contract.js'
import { batchOf, documentOf, loadInto, ndjson, newEngine, newFolder } from '../../support/load.js'
import { largestPage } from '../../support/parquet-pages.js'
import { eventsOf, rowsOf } from '../../support/rows.js'
import { newPlace } from './support.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', project_name: 'x', note: 'y' }
/** Google's limit of a row; pages above it have failed. */
const MOST_BYTES = 50e6

describe('a file of rows', () => {
  const many = (relation: string, replaced: string): string =>
    `CREATE OR REPLACE TEMP TABLE many AS
     SELECT * REPLACE (sha256(i::VARCHAR) AS ${replaced}) FROM ${relation}, range(1000) AS n(i)`
  const cases: readonly (readonly [string, string, (batch: Batch) => Batch])[] = [
    [
      'whose extra has 60 kB',
      many('events', `content_hash, json_object('note', repeat(sha256(i::VARCHAR), 937)) AS extra`),
      (batch) => ({ ...batch, events: { ...batch.events, relation: 'many' } }),
    ],
    [
      'whose names have 65 kB',
      many('events', 'content_hash, repeat(sha256(i::VARCHAR), 1020) AS project_name'),
      (batch) => ({ ...batch, events: { ...batch.events, relation: 'many' } }),
    ],
    [
      'that are pieces of rejects',
      `CREATE OR REPLACE TEMP TABLE many AS
       SELECT sha256(i::VARCHAR) AS reject_id, 2 AS piece, repeat(sha256(i::VARCHAR), 234) AS raw FROM range(4000) AS n(i)`,
      (batch) => ({ ...batch, pieces: { relation: 'many', rows: 4000 } }),
    ],
  ]

  it.each(cases)('%s has no page above 50 MB, and every row once', async (_what, sql, changed) => {
    const engine = await newEngine()
    const batch = await batchOf(engine, [documentOf('a', ndjson(EVENT))])
    await engine.run(sql)
    const path = join(newFolder(), 'batch.parquet')
    await writeStaged('the test', changed(batch), path)
    expect(await largestPage(path)).toBeLessThan(MOST_BYTES)
    const [counted] = await engine.rows(`
      SELECT count(*)::INTEGER AS n, count(DISTINCT coalesce(content_hash, reject_id))::INTEGER AS different
      FROM '${path}' WHERE kind <> 'receipt'`)
    const expected = sql.includes('AS piece') ? 4001 : 1000
    expect(counted).toEqual({ n: expected, different: expected })
  })

  it('leaves the engine as it was', async () => {
    const engine = await newEngine()
    const setting = () => engine.rows("SELECT current_setting('preserve_insertion_order') AS kept")
    const before = await setting()
    await writeStaged(
      'the test',
      await batchOf(engine, [documentOf('a', ndjson(EVENT))]),
      join(newFolder(), 'b.parquet'),
    )
    expect(await setting()).toEqual(before)
  })
})

describe('a batch that is refused for its size', () => {
  it('is loaded in halves, and what is too large alone stops neither this run nor a later one', async () => {
    const { open } = await newPlace({ largestPageBytes: 30_000 })
    const sink = open()
    const long = (action: string, bytes: number) => ndjson({ ...EVENT, action, note: 'n'.repeat(bytes) })
    const documents = { a: long('user:a', 20_000), b: long('user:b', 20_000), huge: long('user:c', 40_000) }
    const summary = await loadInto(sink, documents)
    expect(summary.failed.map(({ document }) => document)).toEqual(['huge'])
    expect((await eventsOf(sink)).map(({ action }) => action).sort()).toEqual(['user:a', 'user:b'])
    const later = await loadInto(sink, { ...documents, d: ndjson({ ...EVENT, action: 'user:d' }) })
    expect(later).toMatchObject({ skipped: 2 })
    expect(await rowsOf(sink, "SELECT action FROM audit_events WHERE action = 'user:d'")).toHaveLength(1)
  })
})
