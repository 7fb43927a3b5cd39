import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import { type Held, readManifest } from '../../../sinks/fabric/manifest.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { batchOf, countsOf, documentOf, loadInto, ndjson, never, newEngine, newFolder } from '../../support/load.js'
import { contentOf } from '../../support/rows.js'
import { catchUp, newPlace, type Place, ROOT } from './place.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)

afterAll(() => azurite.close())

const event = (i: number, more: object = {}): object => ({
  timestamp: `2026-10-0${1 + (i % 3)}T12:00:00Z`,
  action: 'user:login',
  actor_user_id: i,
  ...more,
})

async function numbersOf({ store }: Place, table: string): Promise<number[]> {
  const numbers = new Set<number>()
  for await (const { key } of store.list(`${ROOT}/wandb_audit.schema/${table}/`, never)) {
    const digits = /\/(\d{20})\.parquet$/.exec(key)?.[1]
    if (digits !== undefined) numbers.add(Number(digits))
  }
  return [...numbers].sort((a, b) => a - b)
}

describe('several publishers at once', () => {
  it('never overwrite or skip a number, and load each event once', async () => {
    const place = await newPlace(azurite)
    const duckdb = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1, onWait() {} })
    const inputs = [0, 1, 2].map((publisher) => ({
      [`own ${publisher}`]: ndjson(
        ...[0, 1, 2].map((i) => event(i + publisher, { user_email: `${i + publisher}@example.com` })),
      ),
      shared: ndjson(event(1), event(2), 'bad'),
    }))
    let loading = true
    const replicating = (async () => {
      while (loading) await catchUp(place.replicator)
    })()
    const summaries = await Promise.all(
      inputs.map(async (input) => loadInto(place.sink(), input, { engine: await newEngine(), batchBytes: 1 })),
    )
    loading = false
    await replicating
    for (const input of inputs) await loadInto(duckdb, input)
    expect(await contentOf(place.mirrored())).toEqual(await contentOf(duckdb))
    expect(place.replicator.stopped.size).toBe(0)
    const { manifest } = (await readManifest(place.zone, never)) as Held
    for (const [table, { number }] of Object.entries(manifest.tables))
      expect([table, await numbersOf(place, table)]).toEqual([table, Array.from({ length: number }, (_, i) => i + 1)])
    const inserted = summaries.map((summary) => countsOf(summary)[0] ?? 0).reduce((sum, n) => sum + n)
    expect(inserted).toBe(5)
  }, 300_000)

  it('finish what another one has committed and not published', async () => {
    const place = await newPlace(azurite)
    const first = place.sink()
    await first.prepare()
    // The first one is held up just before it publishes what it has committed.
    const table = `${ROOT}/wandb_audit.schema/audit_events`
    let second: Promise<unknown> = Promise.resolve()
    azurite.fail({
      kind: 'before',
      action: 'write',
      key: `${table}/00000000000000000002.parquet`,
      run: async () => {
        second = loadInto(place.sink(), { b: ndjson(event(2)) }, { engine: await newEngine() })
        await second
      },
    })
    await loadInto(first, { a: ndjson(event(1)) })
    await second
    expect(await numbersOf(place, 'audit_events')).toEqual([1, 2, 3])
    await catchUp(place.replicator)
    expect((await contentOf(place.mirrored())).audit_events).toHaveLength(2)
    expect(place.replicator.stopped.size).toBe(0)
  })
})

describe('what another run replaces', () => {
  const MANIFEST = `${ROOT}/_wandb_audit/manifest.json`
  const dayOf = async ({ zone }: Place): Promise<string> => {
    const held = (await readManifest(zone, never)) as Held
    return `${ROOT}/${held.manifest.days['2026-10-02']?.file}`
  }
  const receiptOf = async ({ zone }: Place): Promise<string> => {
    const held = (await readManifest(zone, never)) as Held
    return `${ROOT}/${held.manifest.journals.audit_documents.at(-1)?.file}`
  }

  it.each([
    ['the manifest', 'while it is read', async () => MANIFEST, 'read'],
    ['the manifest', 'before it is committed over', async () => MANIFEST, 'write'],
    ['a day', 'before it is found', dayOf, 'find'],
    ['a day', 'while it is read', dayOf, 'read'],
  ] as const)('%s, %s: the batch is compared again', async (_what, _when, keyOf, action) => {
    const place = await newPlace(azurite)
    await loadInto(place.sink(), { a: ndjson(event(1)) })
    const other = { b: ndjson(event(1, { user_email: 'first@example.com' }), event(4)) }
    const engine = await newEngine()
    const run = async () => void (await loadInto(place.sink(), other, { engine }))
    const batch = await batchOf(await newEngine(), [
      documentOf(
        'c',
        ndjson(event(1, { user_email: 'second@example.com', entity_name: 'vision' }), event(4), event(7)),
      ),
    ])
    azurite.fail({ kind: 'before', action, key: await keyOf(place), run })
    expect(await place.sink().load(batch, never)).toEqual({
      read: 3,
      inserted: 1,
      enriched: 1,
      unchanged: 1,
      rejected: 0,
      conflicts: 1,
    })
    expect(azurite.faultsLeft).toBe(0)
    const { audit_events: events = [] } = await contentOf(place.mirrored())
    expect(events).toHaveLength(3)
    expect(events[0]).toMatchObject({ user_email: 'first@example.com', entity_name: 'vision' })
  })

  it('receipts, while they are read: they are read again', async () => {
    const place = await newPlace(azurite)
    const documents = Array.from({ length: 7 }, (_, i) => documentOf(`document ${i}`, ndjson(event(1))))
    await loadInto(place.sink(), documents, { batchBytes: 1 })
    // The eighth makes one file of all.
    const run = async () => void (await loadInto(place.sink(), { last: '' }, { engine: await newEngine() }))
    azurite.fail({ kind: 'before', action: 'read', key: await receiptOf(place), run })
    expect((await place.sink().receipts('test')).size).toBe(8)
    expect(azurite.faultsLeft).toBe(0)
  })
})

describe('years of loads', () => {
  it('are a few files of receipts, and none is missing', async () => {
    const place = await newPlace(azurite)
    const sink = place.sink()
    const documents = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`document ${i}`, ndjson(event(i))]))
    await loadInto(sink, documents, { batchBytes: 1 })
    const { manifest } = (await readManifest(place.zone, never)) as Held
    const levels = manifest.journals.audit_documents.map(({ level }) => level)
    expect(levels).toEqual([1, 1, 0, 0, 0, 0])
    expect((await sink.receipts('test')).size).toBe(20)
  })
})
