/**
 * Several loads replace one file at once, in random orders of their requests; some are killed. Nothing that was committed is lost, and
 * whoever reads all files of the day finds one version, or fails.
 */

import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import { type Change, publish, stage } from '../../sinks/parquet/file.js'
import { newNote, repairNoted } from '../../sinks/parquet/journal.js'
import type { Lake } from '../../sinks/shared/lake.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { never, newFolder } from '../support/load.js'
import { memoryLake, overStore } from '../support/memory-lake.js'
import type { Kept } from '../support/memory-store.js'

const DAY = 'audit_events/event_date=2026-10-01/'
const FILE = { table: AUDIT_EVENTS, stem: `${DAY}events` }

/** A load whose every request waits for its turn. */
class Process {
  private next: (() => void) | null = null
  private onStop: () => void = () => {}
  private isDone = false
  private dies: 'before' | 'after' | null = null
  failure: unknown = null

  constructor(work: (process: Process) => Promise<void>) {
    work(this)
      .catch((error: unknown) => {
        this.failure = error
      })
      .finally(() => {
        this.isDone = true
        this.onStop()
      })
  }

  /** Waits for its turn, and then works; what is killed waits for ever, the request carried out or not. */
  async turn<T>(work: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => {
      this.next = resolve
      this.onStop()
    })
    if (this.dies === 'before') return this.end()
    const result = await work()
    return this.dies === 'after' ? this.end() : result
  }

  private end(): Promise<never> {
    this.isDone = true
    this.onStop()
    return new Promise<never>(() => {})
  }

  /** Until it waits for its next turn, or has ended. */
  private async stopped(): Promise<void> {
    while (this.next === null && !this.isDone)
      await new Promise<void>((resolve) => {
        this.onStop = resolve
      })
  }

  /** @returns whether there was something left to do */
  async step(dies: 'before' | 'after' | null): Promise<boolean> {
    await this.stopped()
    if (this.isDone) return false
    this.dies = dies
    const { next } = this
    this.next = null
    next?.()
    await this.stopped()
    return true
  }
}

function turnByTurn(process: Process, store: ObjectStore): ObjectStore {
  const { id, close } = store
  return {
    id,
    close,
    async *list(prefix, signal) {
      yield* await process.turn(async () => {
        const objects = []
        for await (const object of store.list(prefix, signal)) objects.push(object)
        return objects
      })
    },
    find: (...given) => process.turn(() => store.find(...given)),
    read: (...given) => process.turn(() => store.read(...given)),
    write: (...given) => process.turn(() => store.write(...given)),
    remove: (...given) => process.turn(() => store.remove(...given)),
  }
}

const isParquet = (bytes: Buffer): boolean => !bytes.toString().startsWith('wandb-audit is replacing')
/** What stands for the rows of a file; what a repair wrote has none. */
const rowsOf = (bytes: Buffer): number[] => (bytes.toString().startsWith('PAR1') ? [] : JSON.parse(bytes.toString()))

const adding = (row: number): Change<void> => ({
  ...FILE,
  async merge(existing, target) {
    const rows = existing === null ? [] : rowsOf(await readFile(existing))
    const changed = !rows.includes(row)
    if (changed) await writeFile(target, JSON.stringify([...rows, row]).padEnd(200))
    return { changed, outcome: undefined }
  },
})

async function load(lake: Lake, row: number, folder: string, onCommit: () => void): Promise<void> {
  await repairNoted(lake, folder, never)
  const note = newNote(lake, randomUUID())
  const staged = await stage(lake, adding(row), folder, never)
  await note.add([FILE])
  await publish(lake, staged, folder)
  onCommit()
  await note.remove()
}

/** Reads whatever the folder of the day lists, as those do who know nothing of loads; fails when a file is gone or no Parquet. */
async function readDay(
  process: Process,
  objects: ReadonlyMap<string, Kept>,
): Promise<{ rows: number[]; files: number }> {
  const keys = await process.turn(async () => [...objects.keys()].filter((key) => key.startsWith(DAY)).sort())
  const rows = []
  for (const key of keys) {
    const bytes = await process.turn(async () => objects.get(key)?.bytes)
    if (bytes === undefined || !isParquet(bytes)) throw new Error('read again')
    rows.push(...rowsOf(bytes))
  }
  return { rows, files: keys.length }
}

/** Numbers from 0 to below 1, the same for the same seed: mulberry32. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

it('whatever the order of requests, and whoever is killed', { timeout: 600_000 }, async () => {
  const folder = newFolder()
  let [killed, failedReads, wholeReads] = [0, 0, 0]
  for (let seed = 1; seed <= 300; seed++) {
    const chance = random(seed)
    const lake = memoryLake()
    const first = seed % 3
    if (first > 0) {
      const name = first === 1 ? 'events.parquet' : 'events-00000001.parquet'
      await lake.store.write(`${DAY}${name}`, Buffer.from(JSON.stringify([0]).padEnd(200)), 'absent', never)
    }
    const committed = new Set<number>(first > 0 ? [0] : [])
    const loads = Array.from(
      { length: 4 },
      (_, n) =>
        new Process(async (process) => {
          const own = overStore(turnByTurn(process, lake.store), lake.objects)
          // One that begins with what it read long ago is what makes late writes.
          for (const row of [10 * n + 10, 10 * n + 11])
            await load(own, row, folder, () => {
              committed.add(row)
            })
        }),
    )
    const reader = new Process(async (process) => {
      for (;;) {
        const before = [...committed]
        const read = await readDay(process, lake.objects).catch(() => null)
        if (read === null) {
          failedReads++
          continue
        }
        wholeReads++
        if (read.files > 1 || before.some((row) => !read.rows.includes(row)))
          throw new Error(`seed ${seed}: ${read.files} files with ${read.rows}, committed ${before}`)
      }
    })
    let alive = [...loads]
    while (alive.length > 0) {
      const process = alive[Math.floor(chance() ** 2 * alive.length)] as Process
      const fate = chance()
      const dies = fate < 0.01 ? 'before' : fate < 0.02 ? 'after' : null
      if (dies !== null) killed++
      const goesOn = await process.step(dies)
      if (!goesOn || dies !== null) alive = alive.filter((each) => each !== process)
      for (let steps = Math.floor(chance() * 4); steps > 0; steps--) await reader.step(null)
    }
    expect(reader.failure).toBe(null)
    expect(loads.map(({ failure }) => failure)).toEqual([null, null, null, null])

    await repairNoted(lake, folder, never)
    await publish(lake, await stage(lake, adding(99), folder, never), folder)
    await publish(lake, await stage(lake, adding(99), folder, never), folder)
    const left = [...lake.objects].filter(([key]) => key.startsWith(DAY))
    expect(left, `seed ${seed}`).toHaveLength(1)
    const rows = rowsOf(left[0]?.[1].bytes ?? Buffer.of())
    expect(rows).toEqual(expect.arrayContaining([...committed, 99]))
    expect(new Set(rows).size).toBe(rows.length)
  }
  expect(Math.min(killed, failedReads, wholeReads)).toBeGreaterThan(100)
})
