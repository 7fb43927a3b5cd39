/**
 * Counts what documents contain, for their seal. It takes the place of a sink in the pipeline, so documents are landed,
 * transformed and bisected exactly as a load does it.
 */

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ACTIONS } from '../../schemas/actions.js'
import { DUCKDB_DIGEST, hourDigests } from '../../schemas/day-digest.js'
import type { Batch, LoadCounts, LoadingSink } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import { writeParquet } from '../duckdb/parquet.js'
import { quotedString } from '../duckdb/quoting.js'
import type { Engine } from '../transform/engine.js'
import type { Seal } from './seal.js'

/** Days that are listed one by one; an attacker may write events of many others. */
const MOST_DAYS = 400

export type Totals = Pick<Seal, 'events' | 'actions' | 'other_actions' | 'days' | 'other_days'>

export interface Counted extends Totals {
  /** By document; those that could not be read are missing. */
  readonly documents: ReadonlyMap<string, DocumentCounts>
}

export interface DocumentCounts {
  readonly lines: number
  readonly rejects: number
  readonly bytes: number
}

export class Tally implements LoadingSink {
  readonly id = 'the seal'
  private readonly folder: string
  private readonly documents = new Map<string, DocumentCounts>()
  private batches = 0

  /** @param folder does not exist yet; removed by `counted` */
  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder)
  }

  async prepare(): Promise<void> {}

  async receipts(): Promise<ReadonlyMap<string, string>> {
    return new Map()
  }

  async load({ engine, events, receipts, rowsRead, rejected }: Batch, signal: AbortSignal): Promise<LoadCounts> {
    const inserted = await interruptible(engine, signal, async () => {
      const select = `SELECT "timestamp", action, content_hash FROM ${events.relation}`
      const path = join(this.folder, `${this.batches++}.parquet`)
      const rows = await writeParquet(this.id, engine, select, path, 'snappy', 'bounded')
      const read = await engine.runAndReadAll(`SELECT document, rows_read, rejected, bytes FROM ${receipts.relation}`)
      for (const [document, lines, rejects, bytes] of read.getRows())
        this.documents.set(String(document), {
          lines: Number(lines),
          rejects: Number(rejects),
          bytes: Number(bytes),
        })
      return rows
    })
    const unchanged = rowsRead - rejected - inserted
    return { read: rowsRead, inserted, enriched: 0, unchanged, rejected, conflicts: 0 }
  }

  async close(): Promise<void> {}

  /** @throws AuditError without any value of a record */
  async counted(engine: Engine): Promise<Counted> {
    const files = readdirSync(this.folder).map((name) => quotedString(join(this.folder, name)))
    const { documents } = this
    if (files.length === 0)
      return { documents, events: 0, actions: {}, other_actions: 0, days: {}, other_days: NOTHING }
    await engine.run(
      `CREATE OR REPLACE TABLE tally AS SELECT DISTINCT "timestamp", action, content_hash FROM read_parquet([${files.join(', ')}])`,
    )
    try {
      const events = await engine.number('SELECT count(*) FROM tally')
      return { documents, events, ...(await actionsIn(engine, events)), ...(await daysIn(engine)) }
    } finally {
      await engine.run('DROP TABLE tally')
      rmSync(this.folder, { recursive: true, force: true })
    }
  }
}

const NOTHING = { events: 0, digest: '0' }

/** Only documented actions are named, because a client's text could be anything. */
async function actionsIn(engine: Engine, events: number): Promise<Pick<Totals, 'actions' | 'other_actions'>> {
  const documented = ACTIONS.map(({ action }) => quotedString(action)).join(', ')
  const rows = await engine.rows(
    `SELECT action, count(*) AS events FROM tally WHERE action IN (${documented}) GROUP BY action ORDER BY action`,
  )
  const actions = Object.fromEntries(rows.map((row) => [String(row.action), Number(row.events)]))
  return { actions, other_actions: events - rows.reduce((sum, row) => sum + Number(row.events), 0) }
}

async function daysIn(engine: Engine): Promise<Pick<Totals, 'days' | 'other_days'>> {
  const rows = await engine.rows(`
    WITH hours AS (${hourDigests(DUCKDB_DIGEST, 'tally', null, '')}),
    days AS (
      SELECT utc_hour[:10] AS day, sum(events) AS events, sum(CAST(digest AS HUGEINT)) AS digest FROM hours GROUP BY ALL
    ),
    ranked AS (SELECT *, row_number() OVER (ORDER BY events DESC, day) AS rank FROM days)
    SELECT CASE WHEN rank <= ${MOST_DAYS} THEN day END AS day, sum(events) AS events, CAST(sum(digest) AS VARCHAR) AS digest
    FROM ranked GROUP BY 1 ORDER BY 1 NULLS LAST`)
  const totals = rows.map(
    ({ day, events, digest }) => [day, { events: Number(events), digest: String(digest) }] as const,
  )
  return {
    days: Object.fromEntries(totals.filter(([day]) => day !== null)),
    other_days: totals.find(([day]) => day === null)?.[1] ?? NOTHING,
  }
}
