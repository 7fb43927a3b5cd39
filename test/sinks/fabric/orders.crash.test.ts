/** The mirrored tables, joined by the documented view, are what the DuckDB sink has, whatever came first. */

import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { AUDIT_CONFLICTS, AUDIT_REJECTS } from '../../../schemas/tables.js'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink } from '../../../src/contract.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { documentOf, loadInto, ndjson, newFolder } from '../../support/load.js'
import { documents, expected } from '../../support/model.js'
import { eventsOf, rebuild, rowsOf, tableOf } from '../../support/rows.js'
import { newPlace } from './place.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)

afterAll(() => azurite.close())

const at = (second: number): string => `2026-10-0${1 + (second % 3)}T23:59:${String(second).padStart(2, '0')}Z`

/** As the bucket and the anonymised API serve them; some are honest repeats, some have an odd value. */
const bare = Array.from({ length: 12 }, (_, i) => ({
  timestamp: at(i % 9),
  action: 'artifact:read',
  actor_user_id: i % 2,
  response_code: i === 4 ? 'oops' : 200,
}))
const named = bare.map((event, i) => ({
  ...event,
  actor_email: `user${i % 2}@example.com`,
  project_name: `api ${i % 9}`,
}))
const renamed = bare.map((event, i) => ({ ...event, project_name: `renamed ${i % 9}`, entity_name: 'vision' }))
const withExtra = bare.map((event, i) => (i % 3 === 0 ? { ...event, run_name: i, host: 'a' } : event))
/** Its keys are the bucket's in part, and some of its values contradict them. */
const overlapping = renamed.map((event, i) => ({ ...event, run_name: i % 6, note: i }))

const DOCUMENTS = {
  api: ndjson(...named.slice(0, 9)),
  anonymised: ndjson(...bare.slice(2), '{"timestamp":"2026-10-01T12:00:00Z"}'),
  bucket: ndjson(...withExtra),
  later: ndjson(...renamed.slice(4, 6), ...overlapping.slice(6)),
}
type Name = keyof typeof DOCUMENTS

const ORDERS: readonly (readonly Name[])[] = [
  ['api', 'anonymised', 'bucket'],
  ['api', 'bucket', 'anonymised'],
  ['anonymised', 'api', 'bucket'],
  ['anonymised', 'bucket', 'api'],
  ['bucket', 'api', 'anonymised'],
  ['bucket', 'anonymised', 'api'],
  ['later', 'bucket', 'api', 'later'],
  ['api', 'later', 'bucket', 'api'],
]

/** All of it but the names of the loads, which are by the clock. */
const PROVENANCE = new Set(['load_id', 'loaded_at'])
const lasting = (rows: readonly object[]): object[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !PROVENANCE.has(name))))

async function loaded(sink: Sink, order: readonly Name[]) {
  const counts = []
  for (const [i, name] of order.entries())
    counts.push((await loadInto(sink, { [idOf(name, i)]: DOCUMENTS[name] })).sinks.map(({ sink: _, ...of }) => of))
  return { counts, ...(await stateOf(sink)) }
}

const idOf = (name: Name, i: number): string => (name === 'api' ? `https://acme.wandb.io/${i}` : `${i} ${name}`)

const stateOf = async (sink: Sink) => ({
  events: lasting(await eventsOf(sink)),
  conflicts: lasting(await tableOf(sink, AUDIT_CONFLICTS)),
})

it.each(ORDERS.map((order) => [order.join(', '), order] as const))('%s', async (_name, order) => {
  const fabric = (await newPlace(azurite)).mirrored()
  const duckdb = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1, onWait() {} })
  expect(await loaded(fabric, order)).toEqual(await loaded(duckdb, order))
  const names = await rowsOf(fabric, 'SELECT count(*) AS rows FROM audit_event_names')
  expect(Number(names[0]?.rows)).toBeGreaterThan(0)
})

it('all of them at once, in one batch', async () => {
  const fabric = (await newPlace(azurite)).mirrored()
  const duckdb = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1, onWait() {} })
  for (const sink of [fabric, duckdb]) await loadInto(sink, DOCUMENTS)
  const state = await stateOf(fabric)
  expect(state.conflicts.length).toBeGreaterThan(0)
  expect(state).toEqual(await stateOf(duckdb))
})

it('any documents, in any order and overlap: every record can be rebuilt from the joined view', async () => {
  const plans = documents.chain((made) =>
    fc.shuffledSubarray([...made], { minLength: 1 }).map((some) => ({ made, some })),
  )
  await fc.assert(
    fc.asyncProperty(plans, async ({ made, some }) => {
      const sink = (await newPlace(azurite)).mirrored()
      for (const [i, part] of [some, made].entries())
        await loadInto(
          sink,
          part.map(({ id, lines }) => documentOf(id, lines.join('\n'), `reading ${i}`)),
        )
      const events = new Map((await eventsOf(sink)).map((row) => [String(row.content_hash), rebuild(row)]))
      const rejects = new Set((await tableOf(sink, AUDIT_REJECTS)).map((row) => String(row.reject_id)))
      expect({ events, rejects }).toEqual(expected(made))
    }),
    { seed: 20261001, endOnFailure: true, numRuns: 5 },
  )
}, 300_000)
