import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AUDIT_REJECTS } from '../../schemas/tables.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { documentOf, loadInto, ndjson, newFolder } from '../support/load.js'
import { POISON, poisonedEngine } from '../support/poison.js'
import { eventsOf, tableOf } from '../support/rows.js'

const event = (id: number, action = 'user:login') => ({ timestamp: '2026-10-01T12:34:56Z', action, actor_user_id: id })

it('a line that the engine fails on is found wherever it stands, and however many there are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 6 }),
      async (plan) => {
        let id = 0
        const lines = plan.map((document) => document.map((isBad) => (isBad ? event(id++, POISON) : event(id++))))
        const sink = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1000, onWait() {} })
        const { engine } = await poisonedEngine()
        const summary = await loadInto(
          sink,
          lines.map((each, i) => documentOf(`d${i}`, ndjson(...each))),
          { engine },
        )
        const good = lines.flat().filter(({ action }) => action !== POISON)
        expect(summary.failed).toEqual([])
        const actors = (await eventsOf(sink)).map(({ actor_user_id }) => Number(actor_user_id)).sort((a, b) => a - b)
        expect(actors).toEqual(good.map(({ actor_user_id }) => actor_user_id))
        expect(await tableOf(sink, AUDIT_REJECTS)).toHaveLength(id - good.length)
        engine.close()
      },
    ),
    { seed: 20261001, numRuns: 10, endOnFailure: true },
  )
})
