import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NAME_FIELDS } from '../../../schemas/tables.js'
import type { Sink, Source } from '../../../src/contract.js'
import { writeBucket } from '../../../src/demo/bucket.js'
import { startWandbApi, type WandbApi } from '../../../src/demo/wandb-api.js'
import { fileSource } from '../../../src/extract/files.js'
import { newFolder } from '../../support/load.js'
import { contentOf, type RowObject } from '../../support/rows.js'
import { made, range, sourceOf } from './support.js'
import { load, newSink } from './tables.js'

const NOW = new Date('2026-03-05T12:00:00Z')
const PER_DAY = 100
/** 30 days, all of them finished; a classic server sends today beside them. */
const [FIRST, END] = ['2026-02-03', '2026-03-05']
const RANGE = range(FIRST, END)

const NAMED = ['classic', 'current', 'multi-tenant'] as const
const NAMELESS = ['classic, anonymised', 'current, anonymised', 'files'] as const
type Way = (typeof NAMED)[number] | (typeof NAMELESS)[number]

const servers = new Map<string, WandbApi>()
const bucket = newFolder()
const sinks: Sink[] = []

beforeAll(async () => {
  for (const dialect of NAMED) {
    servers.set(dialect, await startWandbApi({ dialect, eventsPerDay: PER_DAY, now: () => NOW }))
  }
  await writeBucket(bucket, { seed: 1, eventsPerDay: PER_DAY, renamedAt: null }, 30, NOW)
})

afterAll(async () => {
  for (const closing of [...sinks, ...servers.values()]) await closing.close()
})

function source(way: Way): Source {
  if (way === 'files') return fileSource(join(bucket, '*'))
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

const withoutNames = (rows: readonly RowObject[]): readonly RowObject[] =>
  rows.map((row) => ({ ...row, ...Object.fromEntries(NAME_FIELDS.map((name) => [name, null])) }))

describe('the same 30 days', () => {
  let named: readonly RowObject[]
  beforeAll(async () => {
    named = await eventsAfter('current')
  }, 60_000)

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
    expect(await eventsAfter(way)).toEqual(withoutNames(named))
  })

  test.each([
    ['classic', 'classic, anonymised'],
    ['current', 'current, anonymised'],
    ['current', 'files'],
  ] as const)('are the same rows with names through %s and, before or after it, from: %s', async (one, other) => {
    expect(await eventsAfter(one, other)).toEqual(named)
    expect(await eventsAfter(other, one)).toEqual(named)
  })

  test('are the same rows after all ways, one after the other, in both orders', async () => {
    expect(await eventsAfter(...NAMED, ...NAMELESS)).toEqual(named)
    expect(await eventsAfter(...NAMELESS, ...NAMED)).toEqual(named)
  })
})
