import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DETECTIONS } from '../../../schemas/detections/index.js'
import { MIRRORED_TABLES } from '../../../schemas/fabric.js'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink } from '../../../src/contract.js'
import { askable, detect } from '../../../src/detections/detect.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { documentOf, loadInto, ndjson, newFolder } from '../../support/load.js'
import { rowsOf } from '../../support/rows.js'
import { catchUp, newPlace, type Place } from './place.js'

let azurite: Azurite
let place: Place
let sink: Sink

const EVENTS = [1, 2, 3].map((day) => ({ timestamp: `2026-10-0${day}T12:00:00Z`, action: 'user:login' }))

const LINES = ndjson(...EVENTS, EVENTS[0], 'bad line')
const NAMED = (name: string): string => ndjson({ ...EVENTS[1], project_name: name, note: name })
const LOADS = [
  [documentOf('a', LINES), documentOf('b', NAMED('one'))],
  [documentOf('a', LINES, 'newer')],
  [documentOf('b', NAMED('another'), 'newer'), documentOf('c', NAMED('a third'))],
]

beforeAll(async () => {
  azurite = await startAzurite()
  place = await newPlace(azurite)
  sink = place.sink()
  for (const load of LOADS) await loadInto(sink, load)
}, 180_000)

afterAll(() => azurite.close())

describe('the landing zone answers without Fabric', () => {
  it('what was loaded, from where, when, and how it counted', async () => {
    expect(await rowsOf(sink, 'SELECT document, rejected FROM audit_documents ORDER BY ALL')).toEqual([
      { document: 'a', rejected: 1n },
      { document: 'b', rejected: 0n },
      { document: 'c', rejected: 0n },
    ])
    expect(await rowsOf(sink, 'SELECT inserted, unchanged, conflicts FROM audit_loads ORDER BY ALL DESC')).toEqual([
      { inserted: 4n, unchanged: 0n, conflicts: 0n },
      { inserted: 0n, unchanged: 4n, conflicts: 0n },
      { inserted: 0n, unchanged: 2n, conflicts: 4n },
    ])
  })

  it('which lines could not become events', async () => {
    expect(await rowsOf(sink, sink.questions.rejects)).toMatchObject([{ reason: 'not_json', source_document: 'a' }])
    expect(await rowsOf(sink, sink.questions.rawRejects)).toEqual([
      { reason: 'not_json', raw: 'bad line', more: false },
    ])
  })

  it('the newest event, by its day alone', async () => {
    const newestIn = async (from: string, to: string) => {
      const span = { from: new Date(from), to: new Date(to) }
      return (await rowsOf(sink, await sink.questions.newest(span)))[0]?.newest
    }
    const [last] = (await rowsOf(sink, 'SELECT max(day) AS day FROM audit_event_days')) as [{ day: string }]
    const end = new Date(Date.parse(last.day) + 86_400_000)
    expect(await newestIn('2000-01-01', '9999-01-01')).toBe(end.toISOString().replace('.000Z', 'Z'))
    const noon = new Date(end.getTime() - 43_200_000).toISOString()
    expect(await newestIn('2000-01-01', noon)).toBe(noon.replace('.000Z', 'Z'))
    expect(await newestIn('9000-01-01', '9999-01-01')).toBeNull()
  })

  it('no detection, and says where to ask it', async () => {
    const period = { from: new Date('2026-10-01'), to: new Date('2026-10-02') }
    const chosen = DETECTIONS.map((detection) => ({ detection }))
    await expect(detect(sink, chosen, period)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('events are only in Fabric'),
      advice: 'Check another sink of the same logs.',
    })
  })

  it('no detection, which keeps no other sink from being checked', () => {
    const other = { id: 'other', questions: { ...sink.questions, detection: () => 'SELECT 1' } }
    const leftOut: string[] = []
    expect(askable([sink, other], (why) => leftOut.push(why))).toEqual([other])
    expect(leftOut).toEqual([expect.stringContaining(sink.id)])
    expect(() => askable([sink], () => {})).toThrow('events are only in Fabric')
  })

  it('no question about events, and says where to ask it', async () => {
    const span = { from: new Date('2026-10-01'), to: new Date('2026-10-02') }
    const asked = [await sink.questions.hourDigests(span, ''), sink.questions.proof.events(span)]
    for (const sql of asked)
      await expect(sink.query(sql)).rejects.toMatchObject({
        message: expect.stringContaining('events are only in Fabric itself'),
        advice: expect.stringContaining('SQL analytics endpoint'),
      })
  })

  it('the parts of status that the DuckDB sink has as well, alike', async () => {
    const duckdb = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1, onWait() {} })
    for (const load of LOADS) await loadInto(duckdb, load)
    for (const days of [2, 14]) {
      for (const part of ['sources', 'days', 'conflicts']) {
        const of = async (sink: Sink): Promise<unknown[]> => {
          const question = (await sink.questions.status(days)).find(({ name }) => name === part)
          return (await rowsOf(sink, question?.sql ?? '')).map(({ last_load: _, last_met: __, ...row }) => row)
        }
        expect([part, await of(sink)]).toEqual([part, await of(duckdb)])
      }
    }
  })

  it('how far Fabric has come', async () => {
    const question = (await sink.questions.status(1)).find(({ name }) => name === 'mirroring')
    const tables = await rowsOf(sink, question?.sql ?? '')
    expect(tables).toHaveLength(MIRRORED_TABLES.length)
    const events = tables.find((row) => row.table_name === 'audit_events')
    expect(events).toMatchObject({ published: 2n, waiting: 1n, waiting_since: expect.stringMatching(/^20/) })
    await catchUp(place.replicator)
    const applied = (await rowsOf(sink, question?.sql ?? '')).map(({ waiting, waiting_since }) => [
      waiting,
      waiting_since,
    ])
    expect(applied).toEqual(tables.map(() => [0n, null]))
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
      message: expect.stringContaining('events are only in Fabric itself'),
      advice: expect.stringContaining('SQL analytics endpoint'),
    })
  })

  it('is what would change something', async () => {
    await expect(sink.query('DELETE FROM audit_loads')).rejects.toThrow(/only reads/)
    expect(await rowsOf(sink, 'SELECT 1 AS one FROM audit_loads')).toHaveLength(3)
  })

  it('is anything before a first load', async () => {
    const empty = (await newPlace(azurite)).sink()
    expect(await empty.receipts('test')).toEqual(new Map())
    await expect(empty.query('FROM audit_loads')).rejects.toMatchObject({
      advice: expect.stringContaining('Load something'),
    })
  })
})
