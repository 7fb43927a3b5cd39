/** Delta tables whose store fails, and loads that are killed or meet others: the next run ends in the same tables. */

import { describe, expect, it } from 'vitest'
import { AUDIT_CONFLICTS, AUDIT_DOCUMENTS, AUDIT_LOADS } from '../../schemas/tables.js'
import { deltaIn } from '../../sinks/delta/index.js'
import type { Lake } from '../../sinks/shared/lake.js'
import type { Sink } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { batchOf, countsOf, documentOf, loadInto, ndjson, never, newEngine } from '../support/load.js'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { contentOf, rowsOf, tableOf } from '../support/rows.js'

const event = (day: number, more: object = {}) => ({
  timestamp: `2026-10-0${day}T12:34:56Z`,
  action: 'user:login',
  actor_user_id: 7,
  ...more,
})
const named = { actor_email: 'ada@example.com' }
const planted = { actor_email: 'victim@example.com', artifact_digest: 'planted' }
/** Of a load with events, rejects and conflicts. */
const COMMITS = 5
const BAD = '{"action":"user:login"}'
const api = (path: string): string => `https://acme.wandb.io/${path}`

const BEFORE = { first: ndjson(event(1, { ...planted, note: 1 }), event(2, planted), BAD) }
/** Days that are there, named otherwise now, and new ones; repeats, rejects and two receipts. */
const BATCH = {
  [api('second')]: ndjson(event(1, { ...named, note: 2, more: 1 }), event(2), event(2), event(3), BAD, 'x'),
  [api('third')]: ndjson(event(2, named), event(3, named), event(4), BAD),
}

/** The same store, with every write and removal handed to `around`. */
function changingThrough(
  store: ObjectStore,
  around: (change: () => Promise<string | null>, key: string) => Promise<string | null>,
): ObjectStore {
  return {
    ...store,
    write: (...given) => around(() => store.write(...given), given[0]),
    async remove(key, signal) {
      await around(() => store.remove(key, signal).then(() => null), key)
    },
  }
}

async function loaded(lake: Lake, ...inputs: readonly Readonly<Record<string, string>>[]): Promise<Sink> {
  const sink = deltaIn(lake, never)
  for (const input of inputs) await loadInto(sink, input)
  return sink
}

const stateOf = async (sink: Sink) => ({
  ...(await contentOf(sink)),
  receipts: (await tableOf(sink, AUDIT_DOCUMENTS)).map(({ document, sha256, rows_read }) => [
    document,
    sha256,
    rows_read,
  ]),
  conflicts: (await tableOf(sink, AUDIT_CONFLICTS)).map(({ load_id: _, loaded_at: __, ...row }) => Object.values(row)),
})

async function changesOf(): Promise<number> {
  const lake = memoryLake()
  await loaded(lake, BEFORE)
  let changes = 0
  const store = changingThrough(lake.store, (change) => {
    changes++
    return change()
  })
  await loaded({ ...lake, store }, BATCH)
  return changes
}

async function start(): Promise<MemoryLake> {
  const lake = memoryLake()
  await loaded(lake, BEFORE)
  return lake
}

describe('Delta tables whose store fails in the middle of a load', { timeout: 480_000 }, () => {
  it.each([
    ['each of its changes, before it takes effect', 1],
    // What is left after one change is what is left before the next: a sample will do.
    ['every fifth of its changes, after it took effect, its answer lost', 5],
  ])('at %s, end in the same tables with the next run', async (_when, step) => {
    const expected = await stateOf(await loaded(memoryLake(), BEFORE, BATCH))
    expect(expected.conflicts).toHaveLength(3)
    const changes = await changesOf()
    expect(changes).toBeGreaterThan(12)
    const before = await start()
    for (let failing = 1; failing <= changes; failing += step) {
      const lake = memoryLake(before.objects)
      let count = 0
      const store = changingThrough(lake.store, async (change) => {
        count++
        if (count < failing) return change()
        // From here on it is as if the process were gone.
        if (count === failing && step > 1) await change()
        throw new AuditError('the store is gone', { outside: true })
      })
      await loaded({ ...lake, store }, BATCH).catch((error: Error) => {
        expect(error.message).toContain('the store is gone')
      })
      const between = deltaIn(lake, never)
      if ((await between.receipts('test')).size > 1)
        expect((await rowsOf(between, 'SELECT count(*) AS events FROM audit_events'))[0]).toEqual({ events: 5n })
      const sink = await loaded(lake, BATCH)
      expect(await stateOf(sink), `change ${failing}`).toEqual(expected)
      const [loads] = await rowsOf(
        sink,
        'SELECT bool_and(rows_read = inserted + enriched + unchanged + rejected) AS adds_up FROM audit_loads',
      )
      expect(loads).toEqual({ adds_up: true })
      await sink.close()
    }
  })

  it.each(['nothing more than an answer', 'an answer, and says that it failed'])(
    'and loses %s to each of its commits, count as one that did not fail',
    async (what) => {
      const before = await start()
      for (let losing = 1; losing <= COMMITS; losing++) {
        const lake = memoryLake(before.objects)
        let count = 0
        const store = changingThrough(lake.store, async (change, key) => {
          const version = await change()
          if (!/_delta_log\/\d+\.json$/.test(key) || ++count !== losing) return version
          if (what.startsWith('nothing')) return null
          throw new AuditError('no answer', { retryable: true, outside: true })
        })
        const sink = deltaIn({ ...lake, store }, never)
        expect(countsOf(await loadInto(sink, BATCH)), `commit ${losing}`).toEqual([3, 3, 1, 3])
        expect(count).toBe(COMMITS)
        expect(await tableOf(sink, AUDIT_LOADS)).toHaveLength(2)
        await sink.close()
      }
    },
  )
})

describe('Delta tables that somebody else loads', { timeout: 480_000 }, () => {
  it('in between lose nothing, and neither counts what the other did', async () => {
    const lake = await start()
    const others = deltaIn(lake, never)
    const fourDays = ndjson(...[1, 2, 3, 4].map((day) => event(day, { actor_user_id: 'other' })), BAD, 'z')
    const engine = await newEngine()
    let first = true
    const store = changingThrough(lake.store, async (change) => {
      if (first) {
        first = false
        await loadInto(others, { other: fourDays }, { engine })
      }
      return change()
    })
    const sink = deltaIn({ ...lake, store }, never)
    const documents = Object.entries(BATCH).map(([id, text]) => documentOf(id, text))
    const counts = await sink.load(await batchOf(await newEngine(), documents), never)
    expect(counts).toEqual({ read: 10, inserted: 3, enriched: 3, unchanged: 1, rejected: 3, conflicts: 5 })
    const [counted] = await rowsOf(
      sink,
      'SELECT count(*) AS events, count(DISTINCT content_hash) AS hashes, count(actor_email) AS named FROM audit_events',
    )
    expect(counted).toEqual({ events: 9n, hashes: 9n, named: 3n })
    expect(await tableOf(sink, AUDIT_LOADS)).toHaveLength(3)
    expect((await sink.receipts('test')).size).toBe(4)
  })

  it('in between keep what the load displaces of his, though the load is killed right after', async () => {
    const lake = memoryLake()
    await loaded(lake, { first: ndjson(event(1)) })
    const others = deltaIn(lake, never)
    const engine = await newEngine()
    let isFirst = true
    const store = changingThrough(lake.store, async (change, key) => {
      if (isFirst && key.startsWith('audit_events/')) {
        isFirst = false
        await loadInto(others, { other: ndjson(event(1, planted)) }, { engine })
      }
      if (key.startsWith('audit_loads/')) throw new AuditError('the store is gone', { outside: true })
      return change()
    })
    await expect(loaded({ ...lake, store }, { [api('names')]: ndjson(event(1, named)) })).rejects.toThrow(
      'the store is gone',
    )
    expect(isFirst).toBe(false)
    const [row] = await rowsOf(others, 'SELECT actor_email, artifact_digest FROM audit_events')
    expect(row).toEqual({ ...named, artifact_digest: null })
    expect((await tableOf(others, AUDIT_CONFLICTS)).map(({ other }) => other).sort()).toEqual(
      Object.values(planted).sort(),
    )
  })

  it('on other days make no day again', async () => {
    const lake = await start()
    const others = deltaIn(lake, never)
    const engine = await newEngine()
    const keys: string[] = []
    let isFirst = true
    const store = changingThrough(lake.store, async (change, key) => {
      if (isFirst && /^audit_events\/_delta_log/.test(key)) {
        isFirst = false
        await loadInto(others, { other: ndjson(event(8)) }, { engine })
      }
      if (/^audit_events\//.test(key)) keys.push(key)
      return change()
    })
    const sink = deltaIn({ ...lake, store }, never)
    expect(countsOf(await loadInto(sink, { mine: ndjson(event(5), event(6)) }))).toEqual([2, 0, 0, 0])
    expect(keys.filter((key) => key.endsWith('.parquet'))).toHaveLength(2)
    expect(keys.filter((key) => key.endsWith('.json')).map((key) => Number(key.slice(-7, -5)))).toEqual([2, 3])
  })

  it('eight at once, in overlapping parts, end in the tables of one after the other', async () => {
    const events = Array.from({ length: 40 }, (_, i) => event(1 + (i % 4), { project_asset: i }))
    const inputs = Array.from({ length: 8 }, (_, i) => ({
      [`document ${i}`]: ndjson(...events.slice(i * 4, i * 4 + 12).map((each) => ({ ...each, [`key_${i}`]: i })), BAD),
    }))
    const alone = await loaded(memoryLake(), ...inputs)
    const lake = memoryLake()
    const sinks = inputs.map(() => deltaIn(lake, never))
    await sinks[0]?.prepare()
    await Promise.all(inputs.map(async (input, i) => loadInto(sinks[i] as Sink, input, { engine: await newEngine() })))
    const content = await contentOf(sinks[0] as Sink)
    expect(content.audit_events).toHaveLength(40)
    expect(content).toEqual(await contentOf(alone))
    expect(await tableOf(sinks[0] as Sink, AUDIT_LOADS)).toHaveLength(8)
    expect((await sinks[0]?.receipts('test'))?.size).toBe(8)
  })

  it('again and again are given up, with advice', async () => {
    const lake = await start()
    const others = tablesChangedBy(lake)
    const sink = deltaIn({ ...lake, store: others }, never)
    const batch = await batchOf(await newEngine(), [documentOf('second', ndjson(event(1), event(7)))])
    await expect(sink.load(batch, never)).rejects.toMatchObject({
      message: expect.stringContaining('other loads keep replacing audit_events'),
      advice: expect.stringContaining('again'),
      retryable: true,
    })
  })
})

/** A store in which somebody else always has the next number of audit_events. */
function tablesChangedBy({ store }: MemoryLake): ObjectStore {
  return changingThrough(store, async (change, key) => {
    if (/^audit_events\/_delta_log\/\d+\.json$/.test(key))
      await store.write(key, Buffer.from('{"commitInfo":{}}\n'), 'absent', never)
    return change()
  })
}
