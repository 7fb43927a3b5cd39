/** What runs cost: Serverless bills at least a minute each time a table is asked, and S3 each request. */

import { afterEach, expect, it } from 'vitest'
import type { Sink } from '../../../src/contract.js'
import { madeDay } from '../../../src/demo/made-logs.js'
import { loadInto, ndjson } from '../../support/load.js'
import { openSink } from './open.js'
import { addressOf, BUCKET, newSchema, newSink, standIns } from './support.js'

const on = standIns()
afterEach(() => {
  on.redshift.onStatement = () => {}
})

interface Cost {
  readonly batches: number
  readonly statements: number
  /** Statements that read or write a table of ours. */
  readonly asking: number
  readonly stagedBytes: number
  readonly files: number
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const before = on.redshift.statements.length
  let [stagedBytes, files] = [0, 0]
  on.redshift.onStatement = (sql) => {
    if (!sql.startsWith('LOCK')) return
    for (const key of on.s3.keys(BUCKET)) {
      files++
      stagedBytes += on.s3.get(BUCKET, key)?.length ?? 0
    }
  }
  await work()
  const batches = on.redshift.statements.slice(before)
  const sqls = batches.flatMap(({ parts }) => parts.map(({ sql }) => sql))
  const asking = sqls.filter((sql) => /"\w+"\."audit_/.test(sql)).length
  return { batches: batches.length, statements: sqls.length, asking, stagedBytes, files }
}

/** A run of its own: prepare, receipts, and what is new. */
const run = async (schema: string, input: Record<string, string>): Promise<Cost> =>
  costOf(async () => {
    const sink: Sink = openSink(addressOf(on, schema))
    await loadInto(sink, input)
    await sink.close()
  })

const day = (n: number, events: number): string => ndjson(...madeDay(n, Date.UTC(2026, 6, n), events))

it('a run that finds nothing new asks for receipts, and for what privacy requires, once; others send one batch more, of one COPY a table', async () => {
  const schema = newSchema()
  await (await newSink(on, schema)).close()
  const first = { first: day(1, 50) }
  const loading = await run(schema, first)
  const idle = await run(schema, {})
  expect(idle).toEqual({ batches: 3, statements: 6, asking: 2, stagedBytes: 0, files: 0 })
  expect(loading).toMatchObject({ batches: 4, files: 2 })
  expect(loading.statements).toBeLessThanOrEqual(40)
  const backfill = await run(
    schema,
    Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`day ${i}`, day(i + 2, 40)])),
  )
  expect(backfill).toMatchObject({ batches: 4, files: 2 })
  expect(backfill.statements).toBe(loading.statements)
})
