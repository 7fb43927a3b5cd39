/** What a lake must do that somebody else loads at the same time. */

import { describe, expect, it } from 'vitest'
import { AUDIT_CONFLICTS, AUDIT_LOADS } from '../../schemas/tables.js'
import { AuditError } from '../../src/errors.js'
import {
  api,
  BAD,
  BATCH,
  BEFORE,
  changingThrough,
  event,
  loaded,
  named,
  type OpenLake,
  planted,
} from '../support/lake-loads.js'
import { batchOf, documentOf, loadInto, ndjson, never, newEngine } from '../support/load.js'
import { memoryLake } from '../support/memory-lake.js'
import { rowsOf, tableOf } from '../support/rows.js'

/** A lake whose first change of the events meets a load of these documents by somebody else. */
async function met(open: OpenLake, documents: Readonly<Record<string, string>>) {
  const lake = memoryLake()
  await loaded(open, lake, { first: ndjson(event(1)) })
  const others = open(lake)
  const engine = await newEngine()
  let isMet = false
  const store = changingThrough(lake.store, async (change, key) => {
    if (!isMet && key.startsWith('audit_events/')) {
      isMet = true
      await loadInto(others, documents, { engine })
    }
    return change()
  })
  return { lake: { ...lake, store }, others, isMet: () => isMet }
}

export function sharedLakeConformance(name: string, open: OpenLake): void {
  describe(`${name} that somebody else loads`, { timeout: 480_000 }, () => {
    it('in between loses nothing, and neither counts what the other did', async () => {
      const lake = memoryLake()
      await loaded(open, lake, BEFORE)
      const others = open(lake)
      const fourDays = ndjson(...[1, 2, 3, 4].map((day) => event(day, { actor_user_id: 'other' })), BAD, 'z')
      const engine = await newEngine()
      let isFirst = true
      const store = changingThrough(lake.store, async (change) => {
        if (isFirst) {
          isFirst = false
          await loadInto(others, { other: fourDays }, { engine })
        }
        return change()
      })
      const sink = open({ ...lake, store })
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

    it('in between gets none of its events once its counts no longer add up', async () => {
      const { lake, others, isMet } = await met(open, { other: ndjson(event(1, { actor_user_id: 'other' })) })
      const batch = await batchOf(await newEngine(), [documentOf('mine', ndjson(event(1, { actor_user_id: 'mine' })))])
      const miscounted = Object.defineProperty({ ...batch }, 'rowsRead', { get: () => (isMet() ? 2 : 1) })
      await expect(open(lake).load(miscounted, never)).rejects.toThrow(/accounted for .* nothing is loaded/)
      expect(isMet()).toBe(true)
      const actors = await rowsOf(others, 'SELECT actor_user_id FROM audit_events ORDER BY 1')
      expect(actors.map(({ actor_user_id: actor }) => actor)).toEqual(['7', 'other'])
    })

    it("in between keeps what the load displaces of the other's, though it is killed right after", async () => {
      const { lake, others, isMet } = await met(open, { other: ndjson(event(1, planted)) })
      const store = changingThrough(lake.store, async (change, key) => {
        if (key.startsWith('audit_loads/')) throw new AuditError('the store is gone', { outside: true })
        return change()
      })
      const names = { [api('names')]: ndjson(event(1, named)) }
      await expect(loaded(open, { ...lake, store }, names)).rejects.toThrow('the store is gone')
      expect(isMet()).toBe(true)
      const [row] = await rowsOf(others, 'SELECT actor_email, artifact_digest FROM audit_events')
      expect(row).toEqual({ ...named, artifact_digest: null })
      expect((await tableOf(others, AUDIT_CONFLICTS)).map(({ other }) => other).sort()).toEqual(
        Object.values(planted).sort(),
      )
    })
  })
}
