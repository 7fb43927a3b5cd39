/** Delta tables whose store fails, and loads that are killed or meet others: the next run ends in the same tables. */

import { describe, expect, it } from 'vitest'
import { AUDIT_LOADS } from '../../schemas/tables.js'
import { deltaIn } from '../../sinks/delta/index.js'
import type { Sink } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { sharedLakeConformance } from '../conformance/shared-lakes.js'
import {
  BAD,
  BATCH,
  BEFORE,
  changesOf,
  changingThrough,
  event,
  loaded,
  type OpenLake,
  stateOf,
} from '../support/lake-loads.js'
import { batchOf, countsOf, documentOf, loadInto, ndjson, never, newEngine } from '../support/load.js'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { contentOf, rowsOf, tableOf } from '../support/rows.js'

/** Of a load with events, rejects and conflicts. */
const COMMITS = 5

const open: OpenLake = (lake) => deltaIn(lake, never)

async function start(): Promise<MemoryLake> {
  const lake = memoryLake()
  await loaded(open, lake, BEFORE)
  return lake
}

describe('Delta tables whose store fails in the middle of a load', { timeout: 480_000 }, () => {
  it.each([
    ['each of its changes, before it takes effect', 1],
    // What is left after one change is what is left before the next: a sample will do.
    ['every fifth of its changes, after it took effect, its answer lost', 5],
  ])('at %s, end in the same tables with the next run', async (_when, step) => {
    const expected = await stateOf(await loaded(open, memoryLake(), BEFORE, BATCH))
    expect(expected.conflicts).toHaveLength(3)
    const changes = await changesOf(open)
    expect(changes).toBeGreaterThan(12)
    const before = await start()
    const sample = Array.from({ length: Math.ceil(changes / step) }, (_, i) => 1 + i * step)
    // The last one makes the receipts appear.
    if (!sample.includes(changes)) sample.push(changes)
    let withReceipts = 0
    for (const failing of sample) {
      const lake = memoryLake(before.objects)
      let count = 0
      const store = changingThrough(lake.store, async (change) => {
        count++
        if (count < failing) return change()
        // From here on it is as if the process were gone.
        if (count === failing && step > 1) await change()
        throw new AuditError('the store is gone', { outside: true })
      })
      await loaded(open, { ...lake, store }, BATCH).catch((error: Error) => {
        expect(error.message).toContain('the store is gone')
      })
      const between = open(lake)
      if ((await between.receipts('test')).size > 1) {
        withReceipts++
        expect((await rowsOf(between, 'SELECT count(*) AS events FROM audit_events'))[0]).toEqual({ events: 5n })
      }
      const sink = await loaded(open, lake, BATCH)
      expect(await stateOf(sink), `change ${failing}`).toEqual(expected)
      const [loads] = await rowsOf(
        sink,
        'SELECT bool_and(rows_read = inserted + enriched + unchanged + rejected) AS adds_up FROM audit_loads',
      )
      expect(loads).toEqual({ adds_up: true })
      await sink.close()
    }
    expect(withReceipts).toBe(step > 1 ? 1 : 0)
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
        const sink = open({ ...lake, store })
        expect(countsOf(await loadInto(sink, BATCH)), `commit ${losing}`).toEqual([3, 3, 1, 5])
        expect(count).toBe(COMMITS)
        expect(await tableOf(sink, AUDIT_LOADS)).toHaveLength(2)
        await sink.close()
      }
    },
  )
})

sharedLakeConformance('a Delta Lake', open)

describe('Delta tables that somebody else loads', { timeout: 480_000 }, () => {
  it('on other days make no day again', async () => {
    const lake = await start()
    const others = open(lake)
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
    const sink = open({ ...lake, store })
    expect(countsOf(await loadInto(sink, { mine: ndjson(event(5), event(6)) }))).toEqual([2, 0, 0, 0])
    expect(keys.filter((key) => key.endsWith('.parquet'))).toHaveLength(2)
    expect(keys.filter((key) => key.endsWith('.json')).map((key) => Number(key.slice(-7, -5)))).toEqual([2, 3])
  })

  it('while one is erased from keep nothing of what the erasure lists', async () => {
    const lake = memoryLake()
    const others = open(lake)
    const eve = { actor_email: 'eve@example.com' }
    await loadInto(others, { first: ndjson(event(1, eve), event(2, eve)) })
    let isFirst = true
    const store = changingThrough(lake.store, async (change, key) => {
      if (isFirst && /^audit_events\/_delta_log/.test(key)) {
        isFirst = false
        await loadInto(others, { second: ndjson(event(1, { ...eve, project_asset: 1 }), event(3)) })
      }
      return change()
    })
    const none = { extras: new Set(''), conflicts: new Set(''), parts: new Set(''), rejects: new Set('') }
    const values = new Map([['actor_email', new Set([eve.actor_email])]])
    await open({ ...lake, store }).erase?.({ ...none, values })
    expect(isFirst).toBe(false)
    const counted = 'SELECT count(*) AS events, count(actor_email) AS named FROM audit_events'
    expect(await rowsOf(others, counted)).toEqual([{ events: 4n, named: 0n }])
  })

  it('three at once, in overlapping parts, end in the tables of one after the other', async () => {
    const events = Array.from({ length: 20 }, (_, i) => event(1 + (i % 2), { project_asset: i }))
    const inputs = Array.from({ length: 3 }, (_, i) => ({
      [`document ${i}`]: ndjson(...events.slice(i * 4, i * 4 + 12).map((each) => ({ ...each, [`key_${i}`]: i })), BAD),
    }))
    const alone = await loaded(open, memoryLake(), ...inputs)
    const lake = memoryLake()
    const lost = inputs.map(() => 0)
    const sinks = inputs.map((_, i) => {
      const store = changingThrough(lake.store, async (change, key) => {
        const version = await change()
        if (version === null && /^audit_events\/_delta_log\/\d+\.json$/.test(key)) lost[i] = (lost[i] ?? 0) + 1
        return version
      })
      return open({ ...lake, store })
    })
    await sinks[0]?.prepare()
    await Promise.all(
      inputs.map(async (input, i) => {
        const engine = await newEngine()
        await engine.run('SET threads = 1')
        await loadInto(sinks[i] as Sink, input, { engine })
      }),
    )
    // Each race that is lost is one that another won, and each wins one.
    expect(Math.max(...lost)).toBeLessThan(inputs.length)
    const content = await contentOf(sinks[0] as Sink)
    expect(content.audit_events).toHaveLength(20)
    expect(content).toEqual(await contentOf(alone))
    expect(await tableOf(sinks[0] as Sink, AUDIT_LOADS)).toHaveLength(3)
    expect((await sinks[0]?.receipts('test'))?.size).toBe(3)
  })

  it('make a load give up, with advice, when others always win', async () => {
    const lake = await start()
    const others = tablesChangedBy(lake)
    const sink = open({ ...lake, store: others })
    const batch = await batchOf(await newEngine(), [documentOf('second', ndjson(event(1), event(7)))])
    await expect(sink.load(batch, never)).rejects.toMatchObject({
      message: expect.stringContaining('other writers keep committing to audit_events first'),
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
