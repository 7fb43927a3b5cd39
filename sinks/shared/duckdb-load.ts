/** Loads a batch into our tables in a database attached to the engine. */

import { DUCKDB } from '../../schemas/ddl.js'
import {
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
} from '../../schemas/tables.js'
import type { Batch, LoadCounts, TimestampBounds } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import { type EventCounts, provenCounts } from './counts.js'
import { CHANGED, conflictsOfLoad, KEY, RULE, readingsAsEvents } from './duckdb-merge.js'
import { columnsOf, loadRow } from './duckdb-tables.js'
import { eventDays, spansOf } from './spans.js'

/** A statement has a scan for each. */
const MOST_SPANS = 16

/**
 * Writes events, rejects, receipts and the load's own row, within the caller's transaction. Returns the counts.
 *
 * @param schema quoted, as the prefix of table names
 */
export async function mergeBatch(batch: Batch, schema: string): Promise<LoadCounts> {
  const events = await mergeEvents(batch, schema)
  await mergeRejects(batch, schema)
  const counts = provenCounts(batch, events)
  await mergeReceipts(batch, schema)
  await batch.engine.run(`
    INSERT INTO ${schema}.audit_loads (${columnsOf(AUDIT_LOADS)}) FROM ${loadRow(batch, counts)}`)
  return counts
}

async function mergeEvents(batch: Batch, schema: string): Promise<EventCounts> {
  const { engine, events, readings } = batch
  const spans = spansOf(await eventDays(batch), MOST_SPANS)
  if (spans.length === 0) return { inserted: 0, enriched: 0, unchanged: 0, conflicts: 0 }
  const existing = eventsOf(schema, spans)
  const result = await engine.runAndReadAll(
    (await engine.runAndReadAll(`SELECT 1 FROM ${existing} LIMIT 1`)).currentRowCount === 0
      ? allNew(events.relation)
      : compared(events.relation, existing),
  )
  const [inserted = 0, filled = 0, contradicted = 0, fills = 0, rows = 0, occurrences = 0] = (
    result.getRows()[0] ?? []
  ).map(Number)
  const pairs = (relation: string): string => `${relation} e JOIN ${existing} ON ${KEY}`
  let conflicts = contradicted > 0 ? await keepConflicts(batch, schema, pairs(events.relation)) : 0
  if (filled > 0) {
    let changed = 0
    for (const span of spans) {
      const update = await engine.run(`
        UPDATE ${schema}.audit_events t SET ${CHANGED.map(([name, value]) => `${DUCKDB.quote(name)} = ${value}`).join(', ')}
        FROM ${events.relation} e WHERE ${KEY} AND ${RULE.changes} AND ${within(span)}`)
      changed += update.rowsChanged
    }
    prove('enriched', filled, changed)
  }
  if (inserted > 0) {
    // A batch of new events only, as in a backfill, needs no anti-join.
    const missing = inserted === rows ? '' : `WHERE NOT EXISTS (FROM ${existing} WHERE ${KEY})`
    const insert = await engine.run(`
      INSERT INTO ${schema}.audit_events (${columnsOf(AUDIT_EVENTS)})
      SELECT ${columnsOf(AUDIT_EVENTS)} FROM ${events.relation} e ${missing}`)
    prove('inserted', inserted, insert.rowsChanged)
  }
  // Readings within the batch contradict the merged row, which exists only now.
  if (readings.rows > 0) conflicts += await keepConflicts(batch, schema, pairs(readingsAsEvents(batch)))
  const enriched = filled + fills
  return { inserted, enriched, unchanged: occurrences - inserted - enriched, conflicts }
}

/** Without existing rows in the range, as in a backfill, there is nothing to compare. */
const allNew = (events: string): string =>
  `SELECT count(*), 0, 0, sum(fills), count(*), sum(occurrences) FROM ${events}`

const compared = (events: string, existing: string): string => `
  SELECT count(*) FILTER (t.content_hash IS NULL) AS inserted,
    count(*) FILTER (t.content_hash IS NOT NULL AND ${RULE.changes}) AS filled,
    count(*) FILTER (t.content_hash IS NOT NULL AND ${RULE.conflicts}) AS contradicted,
    coalesce(sum(e.fills) FILTER (t.content_hash IS NULL), 0) AS fills,
    count(*) AS rows, sum(e.occurrences) AS occurrences
  FROM ${events} e LEFT JOIN ${existing} ON ${KEY}`

/** Adds new conflicts; a known conflict keeps the larger number of events. */
async function keepConflicts(batch: Batch, schema: string, pairs: string): Promise<number> {
  const { engine } = batch
  await engine.run(`CREATE OR REPLACE TEMP TABLE found AS ${conflictsOfLoad(batch, pairs)}`)
  const columns = AUDIT_CONFLICTS.columns.map(({ name }) => `e.${DUCKDB.quote(name)}`).join(', ')
  await engine.run(`
    MERGE INTO ${schema}.audit_conflicts t USING found e ON t.conflict_id = e.conflict_id
    WHEN MATCHED AND t.events < e.events THEN UPDATE SET events = e.events
    WHEN NOT MATCHED THEN INSERT (${columnsOf(AUDIT_CONFLICTS)}) VALUES (${columns})`)
  const sum = await engine.runAndReadAll('SELECT sum(events) FROM found')
  await engine.run('DROP TABLE found')
  return Number(sum.getRows()[0]?.[0] ?? 0)
}

function prove(what: string, expected: number, changed: number): void {
  if (changed === expected) return
  throw new AuditError(`${changed} events were ${what} instead of ${expected}; nothing is loaded`, {
    advice: 'This is a bug in wandb-audit or DuckDB: please report it.',
  })
}

/**
 * The events of the spans, as a relation `t`. Constant bounds let DuckDB skip row groups outside them; with OR between several
 * it would look at every row's time.
 */
const eventsOf = (schema: string, spans: readonly TimestampBounds[]): string =>
  `(${spans.map((span) => `FROM ${schema}.audit_events t WHERE ${within(span)}`).join(' UNION ALL ')}) t`

function within({ least, greatest }: TimestampBounds): string {
  return `t."timestamp" BETWEEN make_timestamptz(${least}) AND make_timestamptz(${greatest})`
}

async function mergeRejects({ engine, rejects, rejected, pieces }: Batch, schema: string): Promise<void> {
  if (rejected === 0) return
  if (pieces.rows > 0) {
    await engine.run(`
      INSERT INTO ${schema}.audit_reject_pieces (${columnsOf(AUDIT_REJECT_PIECES)})
      SELECT ${columnsOf(AUDIT_REJECT_PIECES)} FROM ${pieces.relation} ANTI JOIN ${schema}.audit_rejects USING (reject_id)`)
  }
  await engine.run(`
    INSERT INTO ${schema}.audit_rejects (${columnsOf(AUDIT_REJECTS)})
    SELECT ${columnsOf(AUDIT_REJECTS)} FROM ${rejects.relation} ANTI JOIN ${schema}.audit_rejects USING (reject_id)`)
}

/** A document has one receipt: of the version loaded last. Those that an earlier version of this program kept beside it go. */
async function mergeReceipts({ engine, receipts }: Batch, schema: string): Promise<void> {
  const same = AUDIT_DOCUMENTS.key.map((column) => `t.${column} = e.${column}`).join(' AND ')
  await engine.run(`DELETE FROM ${schema}.audit_documents t USING ${receipts.relation} e WHERE ${same}`)
  await engine.run(`
    INSERT INTO ${schema}.audit_documents (${columnsOf(AUDIT_DOCUMENTS)})
    SELECT ${columnsOf(AUDIT_DOCUMENTS)} FROM ${receipts.relation}`)
}
