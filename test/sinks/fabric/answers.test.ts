import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sink } from '../../../src/contract.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { documentOf, loadInto, ndjson } from '../../support/load.js'
import { rowsOf } from '../../support/rows.js'
import { newPlace, type Place } from './place.js'

let azurite: Azurite
let place: Place
let sink: Sink

const EVENTS = [1, 2, 3].map((day) => ({ timestamp: `2026-10-0${day}T12:00:00Z`, action: 'user:login' }))

beforeAll(async () => {
  azurite = await startAzurite()
  place = await newPlace(azurite)
  sink = place.sink()
  await loadInto(sink, { a: ndjson(...EVENTS, EVENTS[0], 'bad line'), b: ndjson(EVENTS[1]) })
  await loadInto(sink, [documentOf('a', ndjson(...EVENTS, EVENTS[0], 'bad line'), 'newer')])
  await loadInto(sink, [documentOf('a', ndjson(...EVENTS, EVENTS[0], 'bad line'), 'newer')], {})
})

afterAll(() => azurite.close())

describe('the landing zone answers without Fabric', () => {
  it('what was loaded, from where, when, and how it counted', async () => {
    expect(await rowsOf(sink, 'SELECT document, rejected FROM audit_documents ORDER BY ALL')).toEqual([
      { document: 'a', rejected: 1n },
      { document: 'a', rejected: 1n },
      { document: 'b', rejected: 0n },
    ])
    expect(await rowsOf(sink, 'SELECT inserted, unchanged FROM audit_loads ORDER BY inserted DESC')).toEqual([
      { inserted: 4n, unchanged: 1n },
      { inserted: 0n, unchanged: 4n },
    ])
  })

  it('which lines could not become events', async () => {
    expect(await rowsOf(sink, sink.questions.rejects)).toMatchObject([{ reason: 'not_json', source_document: 'a' }])
    expect(await rowsOf(sink, sink.questions.rawRejects)).toEqual([{ reason: 'not_json', raw: 'bad line' }])
  })

  it('every part of status, of as many days as asked for', async () => {
    const questions = sink.questions.status(2)
    expect(questions.map(({ name }) => name)).toEqual(['sources', 'days', 'mirroring'])
    const answers = await Promise.all(questions.map(({ sql }) => rowsOf(sink, sql)))
    expect(answers[0]).toMatchObject([{ source: 'test', documents: 2n, latest: EVENTS[2]?.timestamp }])
    expect(answers[1]).toEqual([
      { day: '2026-10-02', source: 'test', events: 1n },
      { day: '2026-10-03', source: 'test', events: 1n },
    ])
    const events = { table_name: 'audit_events', published: 2n, waiting: 1n }
    expect(answers[2]).toHaveLength(6)
    expect(answers[2]?.find((row) => row.table_name === 'audit_events')).toMatchObject(events)
  })

  it('which actions there are', async () => {
    expect(await rowsOf(sink, "SELECT verb FROM audit_actions WHERE action = 'user:login'")).toEqual([
      { verb: 'login' },
    ])
  })
})

describe('what it cannot answer', () => {
  it.each(['audit_events', 'audit_event_names'])('is asked of the SQL analytics endpoint: %s', async (table) => {
    await expect(sink.query(`SELECT * FROM ${table}`)).rejects.toMatchObject({
      message: expect.stringContaining('events are in Fabric alone'),
      advice: expect.stringContaining('SQL analytics endpoint'),
    })
  })

  it('is what would change something', async () => {
    await expect(sink.query('DELETE FROM audit_loads')).rejects.toThrow(/would change something/)
    expect(await rowsOf(sink, 'SELECT 1 AS one FROM audit_loads')).toHaveLength(2)
  })

  it('is anything before a first load', async () => {
    const empty = (await newPlace(azurite)).sink()
    expect(await empty.receipts('test')).toEqual(new Map())
    await expect(empty.query('FROM audit_loads')).rejects.toMatchObject({
      advice: expect.stringContaining('Load something'),
    })
  })
})
