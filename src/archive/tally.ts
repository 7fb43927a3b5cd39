/**
 * Counts what documents contain, for their seal. It takes the place of a sink in the pipeline, so documents are landed,
 * transformed and bisected exactly as a load does it.
 */

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ACTIONS } from '../../schemas/actions.js'
import type { Batch, LoadCounts, LoadingSink } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import { writeParquet } from '../duckdb/parquet.js'
import { quotedString } from '../duckdb/quoting.js'
import type { DocumentCounts, Totals } from './contents.js'

type Connection = Batch['engine']

/** At most this many days are listed one by one: an attacker may write events of any number of days. */
export const MOST_DAYS = 400

export interface Counted {
  /** By document; those that could not be read are missing. */
  readonly documents: ReadonlyMap<string, DocumentCounts>
  /** By group; groups without events are missing. */
  readonly totals: ReadonlyMap<string, Totals>
}

/** Totals of each group of documents: what their ids begin with, before the first slash. */
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

  async load(batch: Batch, signal: AbortSignal): Promise<LoadCounts> {
    const { engine, appearances, rowsRead, rejected } = batch
    const inserted = await interruptible(engine, signal, async () => {
      // An event may be in documents of several groups; each group counts it.
      const select = `SELECT DISTINCT split_part(document, '/', 1) AS folder, "timestamp", action, content_hash FROM ${appearances.relation}`
      const path = join(this.folder, `${this.batches++}.parquet`)
      const rows = await writeParquet(this.id, engine, select, path, 'snappy', 'bounded')
      for (const [document, counts] of await documentCounts(batch)) this.documents.set(document, counts)
      return rows
    })
    const unchanged = rowsRead - rejected - inserted
    return { read: rowsRead, inserted, enriched: 0, unchanged, rejected, conflicts: 0 }
  }

  async close(): Promise<void> {}

  /** @throws what the engine throws */
  async counted(engine: Connection): Promise<Counted> {
    const files = readdirSync(this.folder).map((name) => quotedString(join(this.folder, name)))
    const { documents } = this
    if (files.length === 0) return { documents, totals: new Map() }
    const events = `SELECT DISTINCT folder, "timestamp", action, content_hash FROM read_parquet([${files.join(', ')}])`
    try {
      return { documents, totals: await totalsOf(engine, `(${events})`) }
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
    }
  }
}

/** For each document of the batch. */
export async function documentCounts({ engine, receipts }: Batch): Promise<ReadonlyMap<string, DocumentCounts>> {
  const read = await engine.runAndReadAll(`SELECT document, rows_read, rejected, bytes FROM ${receipts.relation}`)
  return new Map(
    read.getRows().map(([document, lines, rejects, bytes]) => {
      return [String(document), { lines: Number(lines), rejects: Number(rejects), bytes: Number(bytes) }]
    }),
  )
}

const NOTHING = { events: 0, digest: '0' }
export const NO_EVENTS: Totals = { events: 0, actions: {}, other_actions: 0, days: {}, other_days: NOTHING }

/** Totals, and the times of the first and last event, in microseconds since 1970. */
export interface Sums extends Totals {
  readonly least: bigint
  readonly greatest: bigint
}

type Writable<T> = { -readonly [field in keyof T]: T[field] }

/**
 * @param events a relation with folder, timestamp, action and content_hash of each event
 * @returns by folder
 * @throws what the engine throws
 */
export async function totalsOf(engine: Connection, events: string): Promise<ReadonlyMap<string, Sums>> {
  // Only documented actions are named, because a client's text could be anything. Comparing each event's action with all of them
  // is dear, so equal ones are counted first.
  const documented = ACTIONS.map(({ action }) => quotedString(action)).join(', ')
  const longest = Math.max(...ACTIONS.map(({ action }) => Buffer.byteLength(action)))
  await engine.run(`
    CREATE OR REPLACE TABLE sums AS
    SELECT folder, day, CASE WHEN short_action IN (${documented}) THEN short_action END AS action,
      sum(events) AS events, sum(digest) AS digest, min(least) AS least, max(greatest) AS greatest
    FROM (
      SELECT folder, CAST(make_timestamp(us) AS DATE) AS day, CASE WHEN strlen(action) <= ${longest} THEN action END AS short_action,
        count(*) AS events, sum(CAST('0x' || substr(content_hash, 1, 15) AS BIGINT)) AS digest,
        min(us) AS least, max(us) AS greatest
      FROM (SELECT *, epoch_us("timestamp") AS us FROM ${events}) GROUP BY ALL
    )
    GROUP BY ALL`)
  try {
    return await readSums(async (sql) => (await engine.runAndReadAll(sql)).getRowObjects())
  } finally {
    await engine.run('DROP TABLE sums')
  }
}

async function readSums(rows: (sql: string) => Promise<Record<string, unknown>[]>): Promise<Map<string, Sums>> {
  const all = new Map<string, Writable<Sums>>()
  const folders =
    'SELECT folder, sum(events) AS events, min(least) AS least, max(greatest) AS greatest FROM sums GROUP BY folder'
  for (const { folder, events, least, greatest } of await rows(folders)) {
    const count = Number(events)
    const totals = { events: count, actions: {}, other_actions: count, days: {}, other_days: NOTHING }
    all.set(String(folder), { ...totals, least: BigInt(String(least)), greatest: BigInt(String(greatest)) })
  }
  const actions = `
    SELECT folder, action, sum(events) AS events FROM sums WHERE action IS NOT NULL
    GROUP BY folder, action ORDER BY folder, action`
  for (const { folder, action, events } of await rows(actions)) {
    const totals = all.get(String(folder))
    if (totals === undefined) continue
    totals.actions[String(action)] = Number(events)
    totals.other_actions -= Number(events)
  }
  const days = `
    WITH days AS (SELECT folder, day, sum(events) AS events, sum(digest) AS digest FROM sums GROUP BY folder, day),
    ranked AS (SELECT *, row_number() OVER (PARTITION BY folder ORDER BY events DESC, day) AS rank FROM days)
    SELECT folder, CASE WHEN rank <= ${MOST_DAYS} THEN strftime(day, '%Y-%m-%d') END AS day, sum(events) AS events,
      CAST(sum(digest) AS VARCHAR) AS digest
    FROM ranked GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST`
  for (const { folder, day, events, digest } of await rows(days)) {
    const totals = all.get(String(folder))
    if (totals === undefined) continue
    const stated = { events: Number(events), digest: String(digest) }
    if (day === null) totals.other_days = stated
    else totals.days[String(day)] = stated
  }
  return all
}
