/** SQL that loads a batch into the attached database, within the caller's transaction. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { ACTIONS } from '../../schemas/actions.js'
import { createTable, DUCKDB } from '../../schemas/ddl.js'
import {
  AUDIT_ACTIONS,
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  TABLES,
  type Table,
} from '../../schemas/tables.js'
import type { Batch, LoadCounts, TimestampBounds } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import { type EventCounts, loadValues, provenCounts } from '../shared/counts.js'
import { DUCKDB_VIEWS } from '../shared/duckdb-forms.js'
import { CHANGED, conflictsOfLoad, KEY, RULE, readingsAsEvents } from '../shared/duckdb-merge.js'
import { markOurs, refuseForeign, refuseForeignView } from './layout.js'

const columnsOf = (table: Table): string => table.columns.map(({ name }) => DUCKDB.quote(name)).join(', ')

/**
 * Creates what is missing in the current schema: tables, new columns, actions, views.
 *
 * @throws AuditError when someone else's table or view has one of our names
 */
export async function createAll(connection: DuckDBConnection, id: string): Promise<void> {
  await refuseForeign(connection, id)
  for (const table of TABLES) {
    await connection.run(createTable(table, DUCKDB))
    for (const { name, type } of table.columns) {
      await connection.run(
        `ALTER TABLE ${DUCKDB.quote(table.name)} ADD COLUMN IF NOT EXISTS ${DUCKDB.quote(name)} ${DUCKDB.types[type]}`,
      )
    }
  }
  await connection.run(`DELETE FROM ${AUDIT_ACTIONS.name}`)
  const insert = await connection.prepare(`INSERT INTO ${AUDIT_ACTIONS.name} VALUES ($1, $2, $3, $4, $5, $6)`)
  for (const { action, object, verb, category, destructive, definition } of ACTIONS) {
    insert.bind([action, object, verb, category, destructive, definition])
    await insert.run()
  }
  insert.destroySync()
  for (const view of DUCKDB_VIEWS) {
    await refuseForeignView(connection, id, view)
    await connection.run(`CREATE OR REPLACE VIEW ${DUCKDB.quote(view.name)} AS\n${view.sql}`)
  }
  await markOurs(connection)
}

/**
 * Writes events, rejects, receipts and the load's own row. Returns the counts.
 *
 * @param schema quoted, as the prefix of table names
 */
export async function mergeBatch(batch: Batch, schema: string): Promise<LoadCounts> {
  const events = await mergeEvents(batch, schema)
  await mergeRejects(batch, schema)
  const counts = provenCounts(batch, events)
  await mergeReceipts(batch, schema)
  await insertLoad(batch, counts, schema)
  return counts
}

async function mergeEvents(batch: Batch, schema: string): Promise<EventCounts> {
  const { engine, events, readings } = batch
  if (events.bounds === null) return { inserted: 0, enriched: 0, unchanged: 0, conflicts: 0 }
  const existing = `${schema}.audit_events t WHERE ${within(events.bounds)}`
  const result = await engine.runAndReadAll(
    (await engine.runAndReadAll(`SELECT 1 FROM ${existing} LIMIT 1`)).currentRowCount === 0
      ? allNew(events.relation)
      : compared(events.relation, existing),
  )
  const [inserted = 0, filled = 0, contradicted = 0, fills = 0, rows = 0, occurrences = 0] = (
    result.getRows()[0] ?? []
  ).map(Number)
  const pairs = (relation: string): string => `${relation} e JOIN (FROM ${existing}) t ON ${KEY}`
  let conflicts = contradicted > 0 ? await keepConflicts(batch, schema, pairs(events.relation)) : 0
  if (filled > 0) {
    const update = await engine.run(`
      UPDATE ${schema}.audit_events t SET ${CHANGED.map(([name, value]) => `${DUCKDB.quote(name)} = ${value}`).join(', ')}
      FROM ${events.relation} e WHERE ${KEY} AND ${RULE.changes} AND ${within(events.bounds)}`)
    prove('enriched', filled, update.rowsChanged)
  }
  if (inserted > 0) {
    // A batch of new events only, as in a backfill, needs no anti-join.
    const missing = inserted === rows ? '' : `WHERE NOT EXISTS (FROM ${existing} AND ${KEY})`
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

/** Without existing rows in the range, as in a backfill, existing is nothing to compare. */
const allNew = (events: string): string =>
  `SELECT count(*), 0, 0, sum(fills), count(*), sum(occurrences) FROM ${events}`

const compared = (events: string, existing: string): string => `
  SELECT count(*) FILTER (t.content_hash IS NULL) AS inserted,
    count(*) FILTER (t.content_hash IS NOT NULL AND ${RULE.changes}) AS filled,
    count(*) FILTER (t.content_hash IS NOT NULL AND ${RULE.conflicts}) AS contradicted,
    coalesce(sum(e.fills) FILTER (t.content_hash IS NULL), 0) AS fills,
    count(*) AS rows, sum(e.occurrences) AS occurrences
  FROM ${events} e LEFT JOIN (FROM ${existing}) t ON ${KEY}`

/** Adds new conflicts; a known conflict keeps the larger number of events. */
async function keepConflicts(batch: Batch, schema: string, pairs: string): Promise<number> {
  const { engine } = batch
  await engine.run(`CREATE OR REPLACE TEMP TABLE found AS ${conflictsOfLoad(batch, RULE.conflictRows(pairs))}`)
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

/** Constant bounds let DuckDB skip row groups outside them. */
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

/** One receipt per version of a document, renewed whenever that version is read again. */
async function mergeReceipts({ engine, receipts }: Batch, schema: string): Promise<void> {
  const key = AUDIT_DOCUMENTS.key.map((column) => `t.${column} = e.${column}`).join(' AND ')
  const renewed = AUDIT_DOCUMENTS.columns.map(({ name }) => name).filter((name) => !AUDIT_DOCUMENTS.key.includes(name))
  await engine.run(`
    MERGE INTO ${schema}.audit_documents t USING ${receipts.relation} e ON ${key}
    WHEN MATCHED THEN UPDATE SET ${renewed.map((column) => `${column} = e.${column}`).join(', ')}
    WHEN NOT MATCHED THEN INSERT (${columnsOf(AUDIT_DOCUMENTS)}) VALUES (${AUDIT_DOCUMENTS.columns.map(({ name }) => `e.${name}`).join(', ')})`)
}

async function insertLoad(batch: Batch, counts: LoadCounts, schema: string): Promise<void> {
  const values = AUDIT_LOADS.columns.map((_, i) => `$${i + 1}`)
  await batch.engine.run(
    `INSERT INTO ${schema}.audit_loads (${columnsOf(AUDIT_LOADS)}) VALUES (${values.join(', ')})`,
    loadValues(batch, counts),
  )
}
