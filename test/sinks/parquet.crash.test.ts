/** A lake whose store fails, and loads of it that are killed: the next run ends in the same tables. */

import { describe, expect, it } from 'vitest'
import { AUDIT_CONFLICTS, AUDIT_DOCUMENTS, AUDIT_LOADS } from '../../schemas/tables.js'
import { lakeSink } from '../../sinks/parquet/index.js'
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
const BAD = '{"action":"user:login"}'

const planted = { actor_email: 'victim@example.com', artifact_digest: 'planted' }
const api = (path: string): string => `https://acme.wandb.io/${path}`

const BEFORE = { first: ndjson(event(1, { ...planted, note: 1 }), event(2, planted), BAD) }
/** Days that are there, named otherwise now, and new ones; repeats, rejects of several files, and two receipts. */
const BATCH = {
  [api('second')]: ndjson(event(1, { ...named, note: 2, more: 1 }), event(2), event(2), event(3), BAD, BAD, 'x', 'y'),
  [api('third')]: ndjson(event(2, named), event(3, named), event(4), BAD),
}

/** The same store, with every write and removal handed to `around`. */
function changingThrough(
  store: ObjectStore,
  around: (change: () => Promise<string | null>, key: string) => Promise<string | null>,
): ObjectStore {
  const { id, list, find, read, write, remove, close } = store
  return {
    id,
    list,
    find,
    read,
    close,
    write: (...given) => around(() => write(...given), given[0]),
    async remove(key, signal) {
      await around(() => remove(key, signal).then(() => null), key)
    },
  }
}

const newLake = (): MemoryLake => memoryLake()

async function loaded(lake: Lake, ...inputs: readonly Readonly<Record<string, string>>[]): Promise<Sink> {
  const sink = lakeSink(lake, never)
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
  conflicts: await conflictsOf(sink),
})

const conflictsOf = async (sink: Sink): Promise<readonly (readonly unknown[])[]> =>
  (await tableOf(sink, AUDIT_CONFLICTS)).map(({ load_id: _, loaded_at: __, ...row }) => Object.values(row))

/** Names that no reader may find once a load has ended: notes, markers, and more than one version of a file. */
function unfinishedIn({ objects }: MemoryLake): string[] {
  const keys = [...objects.keys()]
  const stems = keys.map((key) => key.replace(/-\d{8}\.parquet$/, ''))
  return keys.filter((key, i) => /^_replacing|being-replaced/.test(key) || stems.indexOf(stems[i] ?? '') !== i)
}

/** How many changes of the store a run with the batch makes. */
async function changesOf(): Promise<number> {
  const lake = newLake()
  await loaded(lake, BEFORE)
  let changes = 0
  const store = changingThrough(lake.store, (change) => {
    changes++
    return change()
  })
  await loaded({ ...lake, store }, BATCH)
  return changes
}

describe('a lake whose store fails in the middle of a load', { timeout: 480_000 }, () => {
  it.each([
    ['each of its changes, before it takes effect', 1],
    // What is left after one change is what is left before the next: a sample will do.
    ['every third of its changes, after it took effect, its answer lost', 3],
  ])('at %s, ends in the same tables with the next run', async (_when, step) => {
    const expected = await stateOf(await loaded(newLake(), BEFORE, BATCH))
    expect(expected.conflicts).toHaveLength(3)
    const changes = await changesOf()
    expect(changes).toBeGreaterThan(40)
    const before = newLake()
    await loaded(before, BEFORE)
    let failures = 0
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
        failures++
      })
      const sink = await loaded(lake, BATCH)
      expect(await stateOf(sink), `change ${failing}`).toEqual(expected)
      expect(unfinishedIn(lake), `change ${failing}`).toEqual([])
      const [loads] = await rowsOf(
        sink,
        'SELECT bool_and(rows_read = inserted + enriched + unchanged + rejected) AS adds_up FROM audit_loads',
      )
      expect(loads).toEqual({ adds_up: true })
      await sink.close()
    }
    expect(failures).toBe(Math.ceil(changes / step))
  })

  it('has the events of a receipt, whatever is missing', async () => {
    const changes = await changesOf()
    for (let failing = 1; failing <= changes; failing++) {
      const lake = newLake()
      let count = 0
      const store = changingThrough(lake.store, async (change) => {
        count++
        if (count >= failing) throw new AuditError('the store is gone', { outside: true })
        return change()
      })
      await loaded({ ...lake, store }, BATCH).catch(() => {})
      const sink = lakeSink(lake, never)
      const receipts = await sink.receipts('test')
      if (receipts.size > 0) {
        const [counted] = await rowsOf(
          sink,
          'SELECT (SELECT count(*) FROM audit_events) AS events, (SELECT count(*) FROM audit_rejects) AS rejects',
        )
        expect(counted).toEqual({ events: 5n, rejects: 5n })
      }
      await sink.close()
    }
  })
})

describe('a lake that somebody else loads', () => {
  it('in between loses nothing, and neither counts what the other did', async () => {
    const lake = newLake()
    await loaded(lake, BEFORE)
    const others = lakeSink(lake, never)
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
    const sink = lakeSink({ ...lake, store }, never)
    const documents = Object.entries(BATCH).map(([id, text]) => documentOf(id, text))
    const counts = await sink.load(await batchOf(await newEngine(), documents), never)
    expect(counts).toEqual({ read: 12, inserted: 3, enriched: 3, unchanged: 1, rejected: 5, conflicts: 5 })
    const [counted] = await rowsOf(
      sink,
      'SELECT count(*) AS events, count(DISTINCT content_hash) AS hashes, count(actor_email) AS named FROM audit_events',
    )
    expect(counted).toEqual({ events: 9n, hashes: 9n, named: 3n })
    expect(await tableOf(sink, AUDIT_LOADS)).toHaveLength(3)
    expect((await sink.receipts('test')).size).toBe(4)
  })

  it('in between keeps what the load displaces of his, though the load is killed right after', async () => {
    const lake = newLake()
    await loaded(lake, { first: ndjson(event(1)) })
    const others = lakeSink(lake, never)
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

  it('again and again is given up, with advice', async () => {
    const lake = newLake()
    await loaded(lake, BEFORE)
    const sink = lakeSink({ ...lake, store: changingThrough(lake.store, async () => null) }, never)
    const batch = await batchOf(await newEngine(), [documentOf('second', ndjson(event(1), event(1)))])
    await expect(sink.load(batch, never)).rejects.toMatchObject({
      message: expect.stringContaining('other loads keep replacing audit_events/event_date=2026-10-01/'),
      advice: expect.stringContaining('again'),
      retryable: true,
    })
  })

  it.each([1, 2])('whose answer to write %i of a day is lost counts its events as its own', async (losing) => {
    const lake = newLake()
    let writes = 0
    const store = changingThrough(lake.store, async (change, key) => {
      const version = await change()
      return key.startsWith('audit_events/') && ++writes === losing ? null : version
    })
    const sink = lakeSink({ ...lake, store }, never)
    expect(countsOf(await loadInto(sink, { a: ndjson(event(1), event(2), event(2)) }))).toEqual([3, 0, 0, 0])
    expect(writes).toBeGreaterThan(losing)
  })
})
