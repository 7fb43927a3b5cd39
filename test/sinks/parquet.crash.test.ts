/** A lake whose store fails, and loads of it that are killed: the next run ends in the same tables. */

import { describe, expect, it } from 'vitest'
import { lakeSink } from '../../sinks/parquet/index.js'
import { AuditError } from '../../src/errors.js'
import { sharedLakeConformance } from '../conformance/shared-lakes.js'
import {
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
import { rowsOf } from '../support/rows.js'

const open: OpenLake = (lake) => lakeSink(lake, never)

/** Names that no reader may find once a load has ended: notes, markers, and more than one version of a file. */
function unfinishedIn({ objects }: MemoryLake): string[] {
  const keys = [...objects.keys()]
  const stems = keys.map((key) => key.replace(/-\d{8}\.parquet$/, ''))
  return keys.filter((key, i) => /^_replacing|being-replaced/.test(key) || stems.indexOf(stems[i] ?? '') !== i)
}

describe('a lake whose store fails in the middle of a load', { timeout: 480_000 }, () => {
  it.each([
    ['each of its changes, before it takes effect', 1],
    // What is left after one change is what is left before the next: a sample will do.
    ['every third of its changes, after it took effect, its answer lost', 3],
  ])('at %s, ends in the same tables with the next run', async (_when, step) => {
    const expected = await stateOf(await loaded(open, memoryLake(), BEFORE, BATCH))
    expect(expected.conflicts).toHaveLength(3)
    const changes = await changesOf(open)
    expect(changes).toBeGreaterThan(40)
    const before = memoryLake()
    await loaded(open, before, BEFORE)
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
      await loaded(open, { ...lake, store }, BATCH).catch((error: Error) => {
        expect(error.message).toContain('the store is gone')
        failures++
      })
      const sink = await loaded(open, lake, BATCH)
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
    const changes = await changesOf(open)
    for (let failing = 1; failing <= changes; failing++) {
      const lake = memoryLake()
      let count = 0
      const store = changingThrough(lake.store, async (change) => {
        count++
        if (count >= failing) throw new AuditError('the store is gone', { outside: true })
        return change()
      })
      await loaded(open, { ...lake, store }, BATCH).catch(() => {})
      const sink = open(lake)
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

sharedLakeConformance('a lake', open)

describe('a lake that somebody else loads', () => {
  it('again and again is given up, with advice', async () => {
    const lake = memoryLake()
    await loaded(open, lake, BEFORE)
    const sink = open({ ...lake, store: changingThrough(lake.store, async () => null) })
    const batch = await batchOf(await newEngine(), [documentOf('second', ndjson(event(1), event(1)))])
    await expect(sink.load(batch, never)).rejects.toMatchObject({
      message: expect.stringContaining('other writers keep replacing audit_events/event_date=2026-10-01/'),
      advice: expect.stringContaining('again'),
      retryable: true,
    })
  })

  it.each([1, 2])('whose answer to write %i of a day is lost counts its events as its own', async (losing) => {
    const lake = memoryLake()
    let writes = 0
    const store = changingThrough(lake.store, async (change, key) => {
      const version = await change()
      return key.startsWith('audit_events/') && ++writes === losing ? null : version
    })
    const sink = open({ ...lake, store })
    expect(countsOf(await loadInto(sink, { a: ndjson(event(1), event(2), event(2)) }))).toEqual([3, 0, 0, 0])
    expect(writes).toBeGreaterThan(losing)
  })
})
