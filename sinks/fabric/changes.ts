/** What a batch changes, in the engine: its events beside the keys, names and extras that are known of their days. */

import { DUCKDB } from '../../schemas/ddl.js'
import { FILLED_FIELDS, MIRRORED_NAMES } from '../../schemas/fabric.js'
import type { Batch, LoadCounts } from '../../src/contract.js'
import { columnsOf, literal, plainRows, rowsIn, rowsOf } from './files.js'
import type { Manifest } from './manifest.js'
import { downloadAll, type Zone } from './zone.js'

const KNOWN = 'fabric_known'
const CHANGED = 'fabric_changed'

const FILLED = FILLED_FIELDS.map(DUCKDB.quote)
const KEY = 'k."timestamp" = e."timestamp" AND k.content_hash = e.content_hash'
const GAP = FILLED.map((column) => `(k.${column} IS NULL AND e.${column} IS NOT NULL)`).join(' OR ')
const DAY = `CAST(CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS VARCHAR)`

export interface Changes {
  readonly counts: Pick<LoadCounts, 'inserted' | 'enriched' | 'unchanged'>
  /** Days that change, and how many events are new on each. */
  readonly days: ReadonlyMap<string, number>
}

/**
 * Compares, and leaves what changes for the other functions here.
 *
 * @returns null when a file was replaced meanwhile: the manifest at hand is no longer the newest
 */
export async function compare(
  zone: Zone,
  batch: Batch,
  { days }: Manifest,
  signal: AbortSignal,
): Promise<Changes | null> {
  const { engine, events } = batch
  const touched = (await rowsOf(engine, `SELECT DISTINCT ${DAY} FROM ${events.relation}`)).map(([day]) => String(day))
  const files = touched.flatMap((day) => days[day]?.file ?? [])
  const known = await downloadAll(zone, files, batch.folder, signal)
  if (known === null) return null
  await engine.run(`CREATE OR REPLACE TEMP VIEW ${KNOWN} AS FROM ${rowsIn(MIRRORED_NAMES, known)}`)
  await engine.run(`
    CREATE OR REPLACE TEMP TABLE ${CHANGED} AS
    SELECT e."timestamp", e.content_hash, k.content_hash IS NULL AS is_new, e.fills,
      ${FILLED.map((column) => `coalesce(k.${column}, e.${column}) AS ${column}`).join(', ')}
    FROM ${events.relation} e LEFT JOIN ${KNOWN} k ON ${KEY}
    WHERE k.content_hash IS NULL OR ${GAP}`)
  return { counts: await counted(batch), days: await changedDays(batch) }
}

async function counted({ engine, events }: Batch): Promise<Changes['counts']> {
  const [row = []] = await rowsOf(
    engine,
    `SELECT count(*) FILTER (is_new), count(*) FILTER (NOT is_new), coalesce(sum(fills) FILTER (is_new), 0),
      (SELECT coalesce(sum(occurrences), 0) FROM ${events.relation}) FROM ${CHANGED}`,
  )
  const [inserted = 0, filled = 0, fills = 0, occurrences = 0] = row.map(Number)
  const enriched = filled + fills
  return { inserted, enriched, unchanged: occurrences - inserted - enriched }
}

async function changedDays({ engine }: Batch): Promise<ReadonlyMap<string, number>> {
  const rows = await rowsOf(
    engine,
    `SELECT ${DAY} AS day, count(*) FILTER (is_new) FROM ${CHANGED} GROUP BY day ORDER BY day`,
  )
  return new Map(rows.map(([day, inserted]) => [String(day), Number(inserted)]))
}

/** The events that are new. */
export const newEvents = ({ events }: Batch): string =>
  `${events.relation} e WHERE EXISTS (FROM ${CHANGED} k WHERE is_new AND ${KEY}) ORDER BY "timestamp"`

/** Names and extras that are new or have more than before: whole rows, what was there included. */
export const newNames = (): string =>
  `${CHANGED} WHERE ${FILLED.map((column) => `${column} IS NOT NULL`).join(' OR ')} ORDER BY "timestamp"`

/** All that is known of a day once the batch is in. */
export function knownOf(day: string): string {
  const columns = columnsOf(MIRRORED_NAMES)
  const ofDay = `"timestamp" >= TIMESTAMPTZ ${literal(`${day} 00:00:00Z`)} AND "timestamp" <= TIMESTAMPTZ ${literal(`${day} 23:59:59.999999Z`)}`
  return plainRows(
    MIRRORED_NAMES,
    `(
      SELECT ${columns} FROM ${KNOWN} k WHERE ${ofDay} AND NOT EXISTS (FROM ${CHANGED} e WHERE ${KEY})
      UNION ALL
      SELECT ${columns} FROM ${CHANGED} WHERE ${ofDay}
    ) ORDER BY "timestamp", content_hash`,
  )
}

export async function dropChanges({ engine }: Batch): Promise<void> {
  await engine.run(`DROP VIEW IF EXISTS ${KNOWN}`)
  await engine.run(`DROP TABLE IF EXISTS ${CHANGED}`)
}
