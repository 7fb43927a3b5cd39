import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NAME_FIELDS } from '../../../schemas/tables.js'
import type { Sink, Source } from '../../../src/contract.js'
import { writeBucket } from '../../../src/demo/bucket.js'
import { withoutNames } from '../../../src/demo/made-logs.js'
import { startWandbApi, type WandbApi } from '../../../src/demo/wandb-api.js'
import { fileSource } from '../../../src/sources/files.js'
import { ndjson, newFolder } from '../../support/load.js'
import { contentOf, type RowObject, rowsOf } from '../../support/rows.js'
import { made, range, sourceOf } from './support.js'
import { load, newSink } from './tables.js'

const NOW = new Date('2026-03-05T12:00:00Z')
const PER_DAY = 100
/** 30 days, all of them finished; a classic server sends today beside them. */
const [FIRST, END] = ['2026-02-03', '2026-03-05']
const RANGE = range(FIRST, END)

const NAMED = ['classic', 'current', 'multi-tenant'] as const
const NAMELESS = ['classic, anonymised', 'current, anonymised', 'files'] as const
type Way = (typeof NAMED)[number] | (typeof NAMELESS)[number] | 'planted'

const servers = new Map<string, WandbApi>()
const bucket = newFolder()
const planted = join(newFolder(), 'planted.ndjson')
const sinks: Sink[] = []

beforeAll(async () => {
  for (const dialect of NAMED) {
    servers.set(dialect, await startWandbApi({ dialect, eventsPerDay: PER_DAY, now: () => NOW }))
  }
  const names = { actor_email: 'victim@example.com', report_name: 'scratch' }
  writeFileSync(planted, ndjson(...made(FIRST, END, PER_DAY).map((event) => ({ ...withoutNames(event), ...names }))))
  await writeBucket(bucket, { seed: 1, eventsPerDay: PER_DAY, renamedAt: null }, 30, NOW)
})

afterAll(async () => {
  for (const closing of [...sinks, ...servers.values()]) await closing.close()
})

function source(way: Way): Source {
  if (way === 'files') return fileSource(join(bucket, '*'))
  if (way === 'planted') return fileSource(planted)
  const [dialect = '', anonymised] = way.split(', ')
  const server = servers.get(dialect)
  if (server === undefined) throw new Error(`no server for ${way}`)
  const named = dialect === 'multi-tenant' ? dialect : undefined
  return sourceOf(server, { now: () => NOW, dialect: named, anonymize: anonymised !== undefined, pageLimit: 60 })
}

/** The events of these days after loads into one file, one after the other, without their provenance. */
async function eventsAfter(...ways: readonly Way[]): Promise<readonly RowObject[]> {
  const sink = newSink()
  sinks.push(sink)
  for (const way of ways) expect((await load(sink, source(way), RANGE)).failed).toEqual([])
  const { audit_events: events = [] } = await contentOf(sink)
  return events.filter(({ timestamp }) => String(timestamp) < END)
}

const rowsWithoutNames = (rows: readonly RowObject[]): readonly RowObject[] =>
  rows.map((row) => ({ ...row, ...Object.fromEntries(NAME_FIELDS.map((name) => [name, null])) }))

describe('the same 30 days', () => {
  let named: readonly RowObject[]
  beforeAll(async () => {
    named = await eventsAfter('current')
  }, 180_000)

  test('have one row an event, and honest repeats have one each', () => {
    const events = made(FIRST, END, PER_DAY)
    expect(new Set(events.map((event) => JSON.stringify(event))).size).toBeLessThan(events.length)
    expect(named.map(({ timestamp, action, actor_email }) => [timestamp, action, actor_email]).sort()).toEqual(
      events.map(({ timestamp, action, actor_email }) => [timestamp, action, actor_email]).sort(),
    )
  })

  test.each(['classic', 'multi-tenant'] as const)('are the same rows through %s', async (way) => {
    expect(await eventsAfter(way)).toEqual(named)
  })

  test.each(NAMELESS)('are the same rows without names from: %s', async (way) => {
    expect(await eventsAfter(way)).toEqual(rowsWithoutNames(named))
  })

  test.each([
    ['classic', 'classic, anonymised'],
    ['current', 'current, anonymised'],
    ['current', 'files'],
  ] as const)('are the same rows with names through %s and, before or after it, from: %s', async (one, other) => {
    expect(await eventsAfter(one, other)).toEqual(named)
    expect(await eventsAfter(other, one)).toEqual(named)
  })

  test('have the names of the API whatever names a planted file has, and the planted ones beside them', async () => {
    for (const order of [
      ['planted', 'files', 'current'],
      ['current', 'files', 'planted'],
    ] as const) {
      expect(await eventsAfter(...order)).toEqual(named)
      const kept = await rowsOf(
        sinks.at(-1) as Sink,
        `SELECT column_name, other, other_document, CAST(sum(events) AS INTEGER) AS events FROM audit_conflicts GROUP BY ALL ORDER BY ALL`,
      )
      const other_document = planted
      expect(kept).toEqual([
        { column_name: 'actor_email', other: 'victim@example.com', other_document, events: named.length },
        { column_name: 'report_name', other: 'scratch', other_document, events: named.length },
      ])
    }
  })

  test('are the same rows after all ways, one after the other, in both orders', async () => {
    expect(await eventsAfter(...NAMED, ...NAMELESS)).toEqual(named)
    expect(await eventsAfter(...NAMELESS, ...NAMED)).toEqual(named)
  })
})
