/** Computes in the engine what a batch changes: its events against the known events of their days. */

import { DUCKDB } from '../../schemas/ddl.js'
import { MIRRORED_NAMES } from '../../schemas/fabric.js'
import { AUDIT_CONFLICTS, AUDIT_EVENTS, FILLED_FIELDS, type Table } from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import type { EventCounts } from '../shared/counts.js'
import { CHANGED, conflictsOfLoad, gatheredConflicts, KEY, RULE, readingsAsEvents } from '../shared/duckdb-merge.js'
import { columnsOf } from '../shared/duckdb-tables.js'
import { noRows, plainRows, refuseUnknown, rowsIn, rowsOf } from './files.js'
import type { Manifest } from './manifest.js'
import { downloadAll, type Zone } from './zone.js'

/** The columns of a day's file: all that the merge rule reads. */
const KNOWN_EVENTS: Table = {
  ...MIRRORED_NAMES,
  columns: AUDIT_EVENTS.columns.filter(
    (column) => MIRRORED_NAMES.columns.includes(column) || column.name === 'source_document',
  ),
}

const KNOWN = 'fabric_known'
const CHANGES = 'fabric_changes'
const FOUND = 'fabric_found'

const DAY = `CAST(CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS VARCHAR)`

export interface Changes {
  readonly counts: EventCounts
  /** Days that change, with their number of new events. */
  readonly days: ReadonlyMap<string, number>
}

/**
 * Compares the batch with what is known, and leaves the changes in temporary tables for the other functions here.
 *
 * @returns null when a file was replaced meanwhile, so the manifest is not the newest
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
  await refuseUnknown(zone.id, engine, KNOWN_EVENTS, known)
  await engine.run(`CREATE OR REPLACE TEMP VIEW ${KNOWN} AS FROM ${rowsIn(KNOWN_EVENTS, known)}`)
  await engine.run(`
    CREATE OR REPLACE TEMP TABLE ${CHANGES} AS
    SELECT e."timestamp", e.content_hash, t.content_hash IS NULL AS is_new, e.fills,
      CASE WHEN t.content_hash IS NULL THEN e.source_document ELSE t.source_document END AS source_document,
      ${CHANGED.map(([name, value]) => `${value} AS ${DUCKDB.quote(name)}`).join(', ')}
    FROM ${events.relation} e LEFT JOIN ${KNOWN} t ON ${KEY}
    WHERE t.content_hash IS NULL OR ${RULE.changes}`)
  const conflicts = await findConflicts(batch)
  return { counts: { ...(await counted(batch)), conflicts }, days: await changedDays(batch) }
}

/** Compares the batch's events with the known rows, and its further readings with the merged rows. */
async function findConflicts(batch: Batch): Promise<number> {
  const { engine, events, readings } = batch
  await engine.run(`CREATE OR REPLACE TEMP TABLE ${FOUND} AS SELECT *, 0 AS look FROM ${noRows(AUDIT_CONFLICTS)}`)
  const look = async (order: number, pairs: string): Promise<void> => {
    const found = conflictsOfLoad(batch, pairs)
    await engine.run(`INSERT INTO ${FOUND} SELECT *, ${order} FROM (${found})`)
  }
  const atKnown = `${events.relation} e JOIN ${KNOWN} t ON ${KEY}`
  const [[contradicted] = []] = await rowsOf(engine, `SELECT count(*) FROM ${atKnown} WHERE ${RULE.conflicts}`)
  if (Number(contradicted) > 0) await look(1, atKnown)
  if (readings.rows > 0) await look(2, `${readingsAsEvents(batch)} e JOIN ${merged('true')} t ON ${KEY}`)
  const [[sum] = []] = await rowsOf(engine, `SELECT coalesce(sum(events), 0) FROM ${FOUND}`)
  return Number(sum)
}

async function counted({ engine, events }: Batch): Promise<Omit<EventCounts, 'conflicts'>> {
  const [row = []] = await rowsOf(
    engine,
    `SELECT count(*) FILTER (is_new), count(*) FILTER (NOT is_new), coalesce(sum(fills) FILTER (is_new), 0),
      (SELECT coalesce(sum(occurrences), 0) FROM ${events.relation}) FROM ${CHANGES}`,
  )
  const [inserted = 0, filled = 0, fills = 0, occurrences = 0] = row.map(Number)
  const enriched = filled + fills
  return { inserted, enriched, unchanged: occurrences - inserted - enriched }
}

async function changedDays({ engine }: Batch): Promise<ReadonlyMap<string, number>> {
  const rows = await rowsOf(
    engine,
    `SELECT ${DAY} AS day, count(*) FILTER (is_new) FROM ${CHANGES} GROUP BY day ORDER BY day`,
  )
  return new Map(rows.map(([day, inserted]) => [String(day), Number(inserted)]))
}

/** The events that are new. */
export const newEvents = ({ events }: Batch): string =>
  `${events.relation} e WHERE EXISTS (FROM ${CHANGES} t WHERE is_new AND ${KEY}) ORDER BY "timestamp"`

/** Names and extras that are new or changed, as whole rows. */
export const newNames = (): string =>
  `${CHANGES} WHERE ${FILLED_FIELDS.map((name) => `${DUCKDB.quote(name)} IS NOT NULL`).join(' OR ')} ORDER BY "timestamp"`

/** SELECTs the conflicts, each once. */
export const foundConflicts = (): string => gatheredConflicts(FOUND)

/** The known events of a day after the batch. */
export function knownOf(day: string): string {
  const ofDay = `"timestamp" >= TIMESTAMPTZ ${quotedString(`${day} 00:00:00Z`)} AND "timestamp" <= TIMESTAMPTZ ${quotedString(`${day} 23:59:59.999999Z`)}`
  return plainRows(KNOWN_EVENTS, `${merged(ofDay)} ORDER BY "timestamp", content_hash`)
}

/** The known events after the batch, where a condition holds, as a relation. */
function merged(condition: string): string {
  const columns = columnsOf(KNOWN_EVENTS)
  return `(
    SELECT ${columns} FROM ${KNOWN} t WHERE ${condition} AND NOT EXISTS (FROM ${CHANGES} e WHERE ${KEY})
    UNION ALL
    SELECT ${columns} FROM ${CHANGES} WHERE ${condition})`
}

export async function dropChanges({ engine }: Batch): Promise<void> {
  await engine.run(`DROP VIEW IF EXISTS ${KNOWN}`)
  for (const name of [CHANGES, FOUND]) await engine.run(`DROP TABLE IF EXISTS ${name}`)
}
