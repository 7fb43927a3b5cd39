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

export interface Counted {
  /** By document; those that could not be read are missing. */
  readonly documents: ReadonlyMap<string, DocumentCounts>
  /** By the day in the documents' keys; days without events are missing. */
  readonly days: ReadonlyMap<string, Totals>
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

  async load({ engine, appearances, receipts, rowsRead, rejected }: Batch, signal: AbortSignal): Promise<LoadCounts> {
    const inserted = await interruptible(engine, signal, async () => {
      // Documents of several days may have the same event: each day counts it.
      const select = `SELECT DISTINCT split_part(document, '/', 2) AS folder, "timestamp", action, content_hash FROM ${appearances.relation}`
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
    if (files.length === 0) return { documents, days: new Map() }
    await engine.run(
      `CREATE OR REPLACE TABLE tally AS SELECT DISTINCT folder, "timestamp", action, content_hash FROM read_parquet([${files.join(', ')}])`,
    )
    try {
      return { documents, days: await totalsIn(engine) }
    } finally {
      await engine.run('DROP TABLE tally')
      rmSync(this.folder, { recursive: true, force: true })
    }
  }
}

const NOTHING = { events: 0, digest: '0' }
export const NO_EVENTS: Totals = { events: 0, actions: {}, other_actions: 0, days: {}, other_days: NOTHING }

/** By the day in the keys. */
async function totalsIn(engine: Engine): Promise<ReadonlyMap<string, Totals>> {
  const days = new Map<string, { -readonly [field in keyof Totals]: Totals[field] }>()
  for (const { folder, events } of await engine.rows('SELECT folder, count(*) AS events FROM tally GROUP BY folder')) {
    const count = Number(events)
    days.set(String(folder), { events: count, actions: {}, other_actions: count, days: {}, other_days: NOTHING })
  }
  // Only documented actions are named, because a client's text could be anything.
  const documented = ACTIONS.map(({ action }) => quotedString(action)).join(', ')
  const actions = await engine.rows(`
    SELECT folder, action, count(*) AS events FROM tally WHERE action IN (${documented})
    GROUP BY folder, action ORDER BY folder, action`)
  for (const { folder, action, events } of actions) {
    const totals = days.get(String(folder))
    if (totals === undefined) continue
    totals.actions[String(action)] = Number(events)
    totals.other_actions -= Number(events)
  }
  const digests = await engine.rows(`
    WITH hours AS (${hourDigests(DUCKDB_DIGEST, 'tally', null, '', 'folder')}),
    days AS (
      SELECT folder, utc_hour[:10] AS day, sum(events) AS events, sum(CAST(digest AS HUGEINT)) AS digest FROM hours GROUP BY ALL
    ),
    ranked AS (SELECT *, row_number() OVER (PARTITION BY folder ORDER BY events DESC, day) AS rank FROM days)
    SELECT folder, CASE WHEN rank <= ${MOST_DAYS} THEN day END AS day, sum(events) AS events,
      CAST(sum(digest) AS VARCHAR) AS digest
    FROM ranked GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST`)
  for (const { folder, day, events, digest } of digests) {
    const totals = days.get(String(folder))
    if (totals === undefined) continue
    const stated = { events: Number(events), digest: String(digest) }
    if (day === null) totals.other_days = stated
    else totals.days[String(day)] = stated
  }
  return days
}
