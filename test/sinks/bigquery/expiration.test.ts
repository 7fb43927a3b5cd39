/** Datasets whose defaults delete rows: none of ours may be among them. */

import { describe, expect, it } from 'vitest'
import { TABLES } from '../../../schemas/tables.js'
import { countsOf, loadInto, ndjson } from '../../support/load.js'
import { eventsOf } from '../../support/rows.js'
import { newPlace } from './support.js'

const DAY_MS = 86_400_000
const SANDBOX = {
  defaultTableExpirationMs: String(60 * DAY_MS),
  defaultPartitionExpirationMs: String(60 * DAY_MS),
}
const OLD = { timestamp: '2020-10-01T12:34:56Z', action: 'user:login' }
const DOCUMENTS = { a: ndjson(OLD) }

describe('a dataset with default expirations', () => {
  it('passes none of them on to tables and views of ours, and rows older than them are kept', async () => {
    const { standIn, open } = await newPlace({ defaults: SANDBOX })
    const sink = open()
    expect(countsOf(await loadInto(sink, DOCUMENTS))).toEqual([1, 0, 0, 0])
    const expiring = standIn
      .tables('audit')
      .filter(
        ({ expirationTime, timePartitioning }) => expirationTime != null || timePartitioning?.expirationMs != null,
      )
    expect(expiring).toEqual([])
    expect(standIn.tables('audit').length).toBeGreaterThan(TABLES.length)
    expect(await eventsOf(sink)).toHaveLength(1)
  })

  it('whose tables were made by a run that ended there: the next one takes the expiration away', async () => {
    const { standIn, open } = await newPlace({ defaults: SANDBOX })
    standIn.faults.push({ request: /^PATCH/, does: 'reset', times: 1000 })
    await expect(open('', { retries: 0 }).prepare()).rejects.toThrow()
    expect(standIn.tables('audit').some(({ timePartitioning }) => timePartitioning?.expirationMs != null)).toBe(true)
    standIn.faults.length = 0
    const sink = open()
    await loadInto(sink, DOCUMENTS)
    expect(await eventsOf(sink)).toHaveLength(1)
  })
})

describe('a table with rows that expires', () => {
  it.each([
    [
      'audit_events',
      { timePartitioning: { type: 'DAY', field: 'timestamp', expirationMs: String(90 * DAY_MS) } },
      /rows of audit_events are lost after 90 days/,
      /partition_expiration_days = NULL/,
    ],
    [
      'audit_rejects',
      { expirationTime: '4102444800000' },
      /audit_rejects expires, with all its rows/,
      /SET OPTIONS \(expiration_timestamp = NULL\)/,
    ],
  ])('is not loaded into: %s', async (table, patch, message, advice) => {
    const { standIn, open } = await newPlace()
    const sink = open()
    await loadInto(sink, { a: ndjson({ ...OLD, timestamp: new Date().toISOString() }, 'no json') })
    await standIn.patch('audit', table, patch)
    const before = standIn.requests.length
    await expect(loadInto(open(), { b: ndjson(OLD) })).rejects.toMatchObject({
      message: expect.stringMatching(message),
      advice: expect.stringMatching(advice),
    })
    expect(standIn.requests.slice(before).filter((line) => line.startsWith('POST'))).toEqual([])
    await expect(open().prepare()).rejects.toMatchObject({ advice: expect.stringContaining('?allow_expiration=true') })
    const allowing = open('allow_expiration=true')
    expect(countsOf(await loadInto(allowing, { b: ndjson(OLD) }))).toEqual([1, 0, 0, 0])
    const [found] = standIn.tables('audit').filter(({ tableReference }) => tableReference.tableId === table)
    expect(found).toMatchObject(patch)
  })

  it('only since the tables were looked at: a row that is inserted and not there undoes the batch', async () => {
    const { standIn, open } = await newPlace()
    const sink = open()
    await sink.prepare()
    const timePartitioning = { type: 'DAY', field: 'timestamp', expirationMs: String(60 * DAY_MS) }
    const change = () => void standIn.patch('audit', 'audit_events', { timePartitioning })
    standIn.faults.push({ request: /upload/, does: 'pass', times: 1, onMatch: change })
    await expect(loadInto(sink, DOCUMENTS)).rejects.toMatchObject({
      message: expect.stringContaining('wandb-audit: rows that were inserted are not in the table; nothing is loaded'),
      advice: expect.stringContaining('partition expiration'),
    })
    expect((await open().receipts('test')).size).toBe(0)
    expect(await eventsOf(open())).toEqual([])
  })
})
