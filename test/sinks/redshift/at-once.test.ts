/**
 * Loads at once, in both isolation levels of Redshift, as the stand-in interleaves them (test/emulators/redshift/interleaving.ts).
 * `WANDB_AUDIT_SEEDS=200` tries more interleavings.
 */

import {
  BatchExecuteStatementCommand,
  DescribeStatementCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data'
import { afterEach, describe, expect, it } from 'vitest'
import type { Batch } from '../../../src/contract.js'
import { newLoadId } from '../../../src/load-id.js'
import type { Isolation } from '../../emulators/redshift/interleaving.js'
import { batchOf, documentOf, ndjson, never, newEngine, newFolder } from '../../support/load.js'
import { newSchema, newSink, standIns } from './support.js'

const on = standIns()
const SEEDS = Number(process.env.WANDB_AUDIT_SEEDS ?? 10)

afterEach(() => on.redshift.interleave(null))

/** Mulberry32: numbers of [0, 1) that follow from a seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const at = (second: number, more: object = {}) => ({
  timestamp: `2026-10-01T12:00:0${second}Z`,
  action: 'project:read',
  project_asset: second,
  ...more,
})
const A = ndjson(at(1), at(2))
const B = ndjson(at(2, { project_name: 'baseline' }), at(3))

const again = (batch: Batch): Batch => ({ ...batch, loadId: newLoadId(), folder: newFolder() })

describe.each<Isolation>(['snapshot', 'serializable'])('two loads at once, in %s isolation', (isolation) => {
  it(
    `double no row and lose none, in ${SEEDS} interleavings`,
    async () => {
      const schema = newSchema()
      const sink = await newSink(on, schema)
      const batches = [
        await batchOf(await newEngine(), [documentOf('a', A)]),
        await batchOf(await newEngine(), [documentOf('b', B)]),
      ]
      const tables = ['events', 'documents', 'loads'].map((name) => `${schema}.audit_${name}`)
      let conflicts = 0
      for (let seed = 0; seed < SEEDS; seed++) {
        const before = on.redshift.statements.length
        on.redshift.interleave({ isolation, random: randomOf(seed), atOnce: 2 })
        const counts = await Promise.all(batches.map((batch) => sink.load(again(batch), never)))
        on.redshift.interleave(null)
        conflicts += on.redshift.statements.slice(before).filter(({ status }) => status === 'FAILED').length
        const rows = await on.redshift.execute(
          `SELECT project_asset, project_name FROM ${schema}.audit_events ORDER BY "timestamp"`,
        )
        expect(rows, `seed ${seed}`).toEqual([
          ['1', null],
          ['2', 'baseline'],
          ['3', null],
        ])
        const others = tables.slice(1).map((table) => `(SELECT COUNT(*) FROM ${table})`)
        expect(await on.redshift.execute(`SELECT ${others.join(', ')}`), `seed ${seed}`).toEqual([['2', '2']])
        expect(
          counts.reduce((sum, { inserted }) => sum + inserted, 0),
          `seed ${seed}`,
        ).toBe(3)
        for (const table of tables) await on.redshift.execute(`DELETE FROM ${table}`)
      }
      // Some of them had snapshots older than the lock: there the row of audit_lock made one start anew.
      expect(conflicts).toBeGreaterThan(0)
      await sink.close()
    },
    SEEDS * 60_000,
  )
})

describe('what the stand-in would let through without the row of audit_lock', () => {
  /** How often, of so many interleavings, two batches that insert what is missing both inserted it. */
  async function doubled(isolation: Isolation, ...first: string[]): Promise<number> {
    const schema = newSchema()
    await on.redshift.execute(`CREATE SCHEMA ${schema}`)
    for (const table of ['rows', 'lock']) await on.redshift.execute(`CREATE TABLE ${schema}.${table} (a INTEGER)`)
    await on.redshift.execute(`INSERT INTO ${schema}.lock VALUES (0)`)
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
    const client = new RedshiftDataClient({ endpoint: on.redshift.url, region: 'us-east-1', credentials })
    const insert = `INSERT INTO "${schema}"."rows" SELECT 1 WHERE (SELECT COUNT(*) FROM "${schema}"."rows") = 0`
    const Sqls = [...first.map((sql) => sql.replace('lock', `"${schema}"."lock"`)), insert]
    let found = 0
    for (let seed = 0; seed < 20; seed++) {
      on.redshift.interleave({ isolation, random: randomOf(seed), atOnce: 2 })
      const send = async (): Promise<void> => {
        const { Id } = await client.send(
          new BatchExecuteStatementCommand({ WorkgroupName: 'main', Database: 'audit', Sqls }),
        )
        await client.send(new DescribeStatementCommand({ Id, WaitTimeSeconds: 20 }))
      }
      await Promise.all([send(), send()])
      const [row] = await on.redshift.execute(`SELECT COUNT(*) FROM ${schema}.rows`)
      if (Number(row?.[0]) > 1) found++
      await on.redshift.execute(`DELETE FROM ${schema}.rows`)
    }
    client.destroy()
    return found
  }

  it('in snapshot isolation: inserts without a lock, and behind a lock that came after the snapshot', async () => {
    expect(await doubled('snapshot')).toBeGreaterThan(0)
    expect(await doubled('snapshot', 'LOCK lock')).toBeGreaterThan(0)
    expect(await doubled('snapshot', 'LOCK lock', 'UPDATE lock SET a = a + 1')).toBe(0)
  })

  it('in serializable isolation: nothing, for the second one fails', async () => {
    expect(await doubled('serializable')).toBe(0)
  })
})

describe('an open transaction', () => {
  it('that has read audit_loads and audit_events holds up no load', async () => {
    const schema = newSchema()
    const sink = await newSink(on, schema)
    const close = on.redshift.openReader(`"${schema}"."audit_loads"`, `"${schema}"."audit_events"`)
    const batch = await batchOf(await newEngine(), [documentOf('a', A)])
    expect(await sink.load(batch, never)).toMatchObject({ inserted: 2 })
    close()
    await sink.close()
  })
})
