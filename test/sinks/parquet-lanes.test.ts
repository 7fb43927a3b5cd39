import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { AUDIT_CONFLICTS } from '../../schemas/tables.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { changedDay } from '../../sinks/parquet/changes.js'
import { lakeSink, parquetSink } from '../../sinks/parquet/index.js'
import { daysOf } from '../../sinks/shared/batch-days.js'
import { openLake } from '../../sinks/shared/lake.js'
import { sideBySide } from '../../sinks/shared/lanes.js'
import type { Batch, Sink } from '../../src/contract.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import type { Engine } from '../../src/transform/engine.js'
import { batchOf, countsOf, documentOf, loadInto, ndjson, never, newEngine, newFolder } from '../support/load.js'
import { contentOf, rowsOf } from '../support/rows.js'

// So that the tests are the same on every machine.
vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  availableParallelism: () => 8,
}))

const DAY_MS = 86_400_000
const EVENTS_A_DAY = 2

/** Events of several days, each with its own `extra` and names. */
const events = (days: number, project: string, extra: (day: number) => object): string =>
  ndjson(
    ...Array.from({ length: days * EVENTS_A_DAY }, (_, i) => ({
      timestamp: new Date(Date.UTC(2026, 0, 1) + Math.floor(i / EVENTS_A_DAY) * DAY_MS + i * 1000).toISOString(),
      action: 'project:read',
      project_asset: i,
      project_name: i % 2 === 0 ? project : null,
      ...extra(Math.floor(i / EVENTS_A_DAY)),
    })),
  )

const conflictsOf = (sink: Sink): Promise<unknown> =>
  rowsOf(
    sink,
    `SELECT ${AUDIT_CONFLICTS.columns
      .filter((column) => column.class !== 'provenance')
      .map(({ name }) => name)
      .join(', ')}
     FROM audit_conflicts ORDER BY conflict_id`,
  )

describe('days that are merged side by side', () => {
  it('hold the events and conflicts that a table in one file does', async () => {
    const days = 4
    const documents = [
      {
        first: events(days, 'old', (day) => ({ note: `${day}`, kept: [day] })),
        second: events(days, 'newest', () => ({ note: 'another' })),
      },
      { third: events(days, 'new', (day) => ({ note: 'other', more: day })) },
    ]
    const address = `parquet:${newFolder()}`
    const lake = await parquetSink(address, never)
    const file = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1000, onWait() {} })
    for (const each of documents) {
      const [inLake, inFile] = [await loadInto(lake, each), await loadInto(file, each)]
      expect(countsOf(inLake)).toEqual(countsOf(inFile))
      expect(inLake.sinks[0]?.conflicts).toBe(inFile.sinks[0]?.conflicts)
    }
    // Another load replaces the days that this one has merged, which are then merged again.
    const atOnce = ['a', 'b'].map((id) => ({ [id]: events(days, 'old', () => ({ job_id: id })) }))
    const [overtaken = {}, faster = {}] = atOnce
    const opened = await openLake('parquet', address)
    let mayOvertake = true
    const write: ObjectStore['write'] = async (key, ...args) => {
      if (mayOvertake && key.startsWith('audit_events/')) {
        mayOvertake = false
        await loadInto(lake, faster, { engine: await newEngine() })
      }
      return opened.store.write(key, ...args)
    }
    await loadInto(lakeSink({ ...opened, store: { ...opened.store, write } }, never), overtaken)
    expect(mayOvertake).toBe(false)
    // One a load: what a sink fails with is loaded again in parts.
    expect(await rowsOf(lake, 'SELECT load_id FROM audit_loads')).toHaveLength(documents.length + atOnce.length)
    for (const each of atOnce) await loadInto(file, each)
    expect((await contentOf(lake)).audit_events).toHaveLength(3 * days * EVENTS_A_DAY)
    expect(await contentOf(lake)).toEqual(await contentOf(file))
    expect(await conflictsOf(lake)).toEqual(await conflictsOf(file))
    await lake.close()
    await file.close()
  })

  it('find the table into which more than 64 days are sorted', async () => {
    const document = documentOf(
      'a',
      events(66, 'old', () => ({})),
    )
    const [batch, folder] = [await batchOf(await newEngine(), [document]), newFolder()]
    const outcomes = await sideBySide(batch, never, await daysOf(batch), (day, own) =>
      changedDay('lake', own, day).merge(null, join(folder, day.name)),
    )
    const ofDay = { inserted: EVENTS_A_DAY, enriched: 0, unchanged: 0, conflicts: 0 }
    expect(outcomes).toEqual(Array(66).fill({ changed: true, outcome: ofDay }))
  })
})

describe('sideBySide', () => {
  const batchIn = (engine: Engine): Promise<Batch> =>
    batchOf(engine, [
      documentOf(
        'a',
        events(1, 'old', () => ({})),
      ),
    ])
  const threadsOf = async ({ engine }: Batch): Promise<unknown> =>
    (await engine.runAndReadAll(`SELECT current_setting('threads')`)).getRows()[0]?.[0]

  it('returns the results in order; each connection has one thread, all the tables, and UTC', async () => {
    const engine = await newEngine()
    const batch = await batchIn(engine)
    const threads = await threadsOf(batch)
    const connections = new Set<unknown>()
    const results = await sideBySide(batch, never, [...'abcdefg'], async (item, own) => {
      connections.add(own.engine)
      const zone = `current_setting('TimeZone')`
      const [row] = (await own.engine.runAndReadAll(`SELECT count(*), ${zone} FROM ${own.events.relation}`)).getRows()
      return [item, await threadsOf(own), ...(row ?? [])]
    })
    expect(results).toEqual([...'abcdefg'].map((item) => [item, 1n, BigInt(EVENTS_A_DAY), 'UTC']))
    expect(connections.size).toBe(3)
    expect(connections).not.toContain(batch.engine)
    expect(await threadsOf(batch)).toBe(threads)
  })

  it('leaves a single item the connection of the batch, with all threads', async () => {
    const batch = await batchIn(await newEngine())
    expect(await sideBySide(batch, never, ['a'], async (_, own) => own)).toEqual([batch])
    expect(await sideBySide(batch, never, [], async (_, own) => own)).toEqual([])
  })

  it('throws what failed once the others have ended, and begins no further item', async () => {
    const batch = await batchIn(await newEngine())
    const threads = await threadsOf(batch)
    const [begun, ended]: [number[], number[]] = [[], []]
    const work = sideBySide(batch, never, [0, 1, 2, 3, 4, 5], async (item, own) => {
      begun.push(item)
      if (item === 2) throw new Error('one fails')
      await own.engine.run('SELECT count(*) FROM range(1000000)')
      ended.push(item)
    })
    await expect(work).rejects.toThrow('one fails')
    expect(begun).toEqual([0, 1, 2])
    expect(ended.sort()).toEqual([0, 1])
    expect(await threadsOf(batch)).toBe(threads)
  })

  it('goes on one at a time when memory does not suffice for several', async () => {
    const batch = await batchIn(await newEngine())
    const alone: number[] = []
    const results = await sideBySide(batch, never, [0, 1, 2, 3], async (item, own) => {
      if (own.engine === batch.engine) alone.push(item)
      else if (item > 0) throw new Error('lake: Out of Memory Error: could not allocate')
      return item
    })
    expect(results).toEqual([0, 1, 2, 3])
    expect(alone).toEqual([1, 2, 3])
  })

  it('interrupts the statements of all connections', async () => {
    const batch = await batchIn(await newEngine())
    const stop = new AbortController()
    const lanes = Math.min(3, availableParallelism())
    let begun = 0
    const work = sideBySide(batch, stop.signal, [0, 1, 2, 3], async (_, own) => {
      if (++begun === lanes) setImmediate(() => stop.abort())
      await own.engine.run('SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range = b.range + 0.5')
    })
    await expect(work).rejects.toThrow('interrupted')
    expect(begun).toBe(lanes)
  })
})
