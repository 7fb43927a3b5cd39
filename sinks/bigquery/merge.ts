/**
 * The statements that merge a staged batch, in one transaction: all or nothing.
 * https://cloud.google.com/bigquery/docs/transactions
 */

import { ACTIONS } from '../../schemas/actions.js'
import { BIGQUERY } from '../../schemas/ddl.js'
import {
  AUDIT_ACTIONS,
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  type Table,
} from '../../schemas/tables.js'
import type { TimestampBounds } from '../../src/contract.js'
import { COMPARED } from '../shared/merge.js'
import { within } from './days.js'
import { NOT_THERE } from './errors.js'
import { JOINED, RULE } from './rule.js'
import type { Kind } from './stage.js'
import { AUDIT_LOAD_COSTS } from './tables.js'

/** The parts of a batch that its statements depend on. */
export interface Merge {
  /** A table's quoted name. */
  readonly table: (table: Table) => string
  /** The staging table's quoted name. */
  readonly staging: string
  readonly days: readonly TimestampBounds[]
  readonly hasRejects: boolean
  readonly hasPieces: boolean
  readonly hasReadings: boolean
  /** Whether inserted rows may vanish at once because they are older than the table's expiration. */
  readonly mayExpire: boolean
  /** The key for temporary tables; null: a Google-managed one. */
  readonly kmsKey: string | null
}

const { quote } = BIGQUERY
const list = (names: readonly string[]): string => names.map(quote).join(', ')
const namesOf = (table: Table): string[] => table.columns.map(({ name }) => name)

const KEY = `t.${quote('timestamp')} = e.${quote('timestamp')} AND t.content_hash = e.content_hash`

/** The staged text as JSON; a text that is too deep for that type is kept whole, as a JSON string. */
const EXTRA = `IF(extra IS NULL, NULL, COALESCE(SAFE.PARSE_JSON(extra, wide_number_mode => 'exact'), TO_JSON(extra)))`

/**
 * The script of one query job. Parameters: load_id, source, documents, rows_read, started_at, loader_version. Its result is one row:
 * inserted, enriched, unchanged, rejected, conflicts.
 *
 * It fails, and rolls back, unless every line read is inserted, enriched, unchanged or rejected.
 */
export function mergeScript(merge: Merge): string {
  return [
    'DECLARE n_receipts, n_rejected, n_occurrences, n_inserted, n_filled, n_fills INT64 DEFAULT 0',
    'DECLARE n_enriched, n_unchanged, n_contradicted, n_conflicts INT64 DEFAULT 0',
    ...(merge.days.length === 0 ? [] : [JOINED]),
    'BEGIN TRANSACTION',
    ...takeTurns(merge),
    countStaged(merge),
    ...(merge.days.length === 0 ? [] : mergeEvents(merge)),
    'SET n_enriched = n_filled + n_fills',
    'SET n_unchanged = n_occurrences - n_inserted - n_enriched',
    proven('n_receipts = @documents', 'not every receipt arrived'),
    proven(
      'n_inserted + n_enriched + n_unchanged + n_rejected = @rows_read AND n_unchanged >= 0',
      'not every line read is accounted for',
    ),
    ...(merge.hasPieces ? [insertNew(merge, 'piece', AUDIT_REJECT_PIECES)] : []),
    ...(merge.hasRejects ? [insertNew(merge, 'reject', AUDIT_REJECTS)] : []),
    mergeReceipts(merge),
    insertLoad(merge),
    insertCost(merge),
    'COMMIT TRANSACTION',
    'SELECT n_inserted AS inserted, n_enriched AS enriched, n_unchanged AS unchanged, n_rejected AS rejected, n_conflicts AS conflicts',
  ]
    .map((statement) => `${statement};\n`)
    .join('\n')
}

/**
 * Transactions that only read and insert do not conflict, so two concurrent loads would both insert the events they share.
 * Transactions that update the same table do conflict: the later one is aborted, and retried.
 */
function takeTurns({ table }: Merge): string[] {
  return [
    `UPDATE ${table(AUDIT_ACTIONS)} SET definition = definition WHERE action = '${ACTIONS[0]?.action}'`,
    proven('@@row_count = 1', 'audit_actions lacks its rows'),
  ]
}

const proven = (condition: string, otherwise: string): string =>
  `ASSERT ${condition} AS 'wandb-audit: ${otherwise}; nothing is loaded'`

const countStaged = ({ staging }: Merge): string => `SET (n_receipts, n_rejected, n_occurrences) = (
  SELECT AS STRUCT COUNTIF(kind = 'receipt'), COUNTIF(kind = 'reject'), COALESCE(SUM(occurrences), 0)
  FROM ${staging})`

/**
 * Each statement names the batch's days as constants. An UPDATE is billed for all of these days, so it runs only if a row changes;
 * and rows are read again only if something contradicts them.
 */
function mergeEvents(merge: Merge): string[] {
  const events = merge.table(AUDIT_EVENTS)
  const days = daysOf(merge)
  const columns = list(namesOf(AUDIT_EVENTS))
  const e = `(SELECT * REPLACE (${EXTRA} AS extra) FROM ${merge.staging} WHERE kind = 'event') AS e`
  return [
    `SET (n_inserted, n_filled, n_fills, n_contradicted) = (
  SELECT AS STRUCT
    COUNTIF(t.content_hash IS NULL),
    COUNTIF(t.content_hash IS NOT NULL AND ${RULE.changes}),
    COALESCE(SUM(IF(t.content_hash IS NULL, e.fills, 0)), 0),
    COUNTIF(t.content_hash IS NOT NULL AND ${RULE.conflicts})
  FROM ${e}
  LEFT JOIN (SELECT * FROM ${events} AS t WHERE ${days}) AS t ON ${KEY})`,
    `IF n_contradicted > 0 THEN
  ${keepConflicts(merge, 'event').join(';\n  ')};
END IF`,
    `IF n_filled > 0 THEN
  UPDATE ${events} AS t
  SET ${Object.entries(RULE.values)
    .map(([name, value]) => `${quote(name)} = ${value}`)
    .join(',\n    ')}
  FROM ${e}
  WHERE ${KEY} AND ${days} AND ${RULE.changes};
  ${proven('@@row_count = n_filled', 'other events were enriched than were to be')};
END IF`,
    `IF n_inserted > 0 THEN
  INSERT INTO ${events} (${columns})
  SELECT ${columns}
  FROM ${e}
  WHERE NOT EXISTS (SELECT 1 FROM ${events} AS t WHERE ${days} AND ${KEY});
  ${proven('@@row_count = n_inserted', 'other events were inserted than were to be')};${merge.mayExpire ? '' : provenThere(merge)}
END IF`,
    // Readings within the batch contradict the merged row, which exists only now.
    ...(merge.hasReadings ? keepConflicts(merge, 'reading') : []),
  ]
}

/** Proves that the inserted rows exist: rows older than the partition expiration vanish at once. */
const provenThere = (merge: Merge): string => `
  ${proven(
    `(SELECT COUNT(*) FROM ${merge.table(AUDIT_EVENTS)} AS t WHERE ${daysOf(merge)} AND t.load_id = @load_id) = n_inserted`,
    NOT_THERE,
  )};`

const daysOf = ({ days }: Merge): string => `(${within(`t.${quote('timestamp')}`, days)})`

const encryptedWith = ({ kmsKey }: Merge): string => (kmsKey === null ? '' : ` OPTIONS (kms_key_name = '${kmsKey}')`)

/** Adds new conflicts; a known conflict keeps the larger number of events. */
function keepConflicts(merge: Merge, kind: Kind): string[] {
  const pairs = `contradicting_${kind}s`
  const compared = list(COMPARED)
  const inserted = namesOf(AUDIT_CONFLICTS)
  const values: Readonly<Record<string, string>> = { load_id: '@load_id', loaded_at: 'CURRENT_TIMESTAMP()' }
  return [
    // Materialised, because the rule reads them once per column.
    `CREATE TEMP TABLE ${pairs}${encryptedWith(merge)} AS
  SELECT t, e
  FROM (SELECT ${list(COMPARED.filter((name) => name !== 'extra'))}, ${EXTRA} AS extra
    FROM ${merge.staging} WHERE kind = '${kind}') AS e
  JOIN (SELECT ${compared} FROM ${merge.table(AUDIT_EVENTS)} AS t WHERE ${daysOf(merge)}) AS t ON ${KEY}
  WHERE ${RULE.conflicts}`,
    `SET n_conflicts = n_conflicts + (SELECT COALESCE(SUM(${RULE.conflictCount}), 0) FROM ${pairs})`,
    `MERGE INTO ${merge.table(AUDIT_CONFLICTS)} AS t
USING (${RULE.conflictRows(pairs)}) AS e ON t.conflict_id = e.conflict_id
WHEN MATCHED AND t.events < e.events THEN UPDATE SET events = e.events
WHEN NOT MATCHED THEN INSERT (${list(inserted)}) VALUES (${inserted.map((name) => values[name] ?? `e.${quote(name)}`).join(', ')})`,
  ]
}

/** Inserts the rows of new rejects. */
function insertNew(merge: Merge, kind: Kind, table: Table): string {
  const columns = list(namesOf(table))
  return `INSERT INTO ${merge.table(table)} (${columns})
SELECT ${columns}
FROM ${merge.staging} AS e
WHERE e.kind = '${kind}'
  AND NOT EXISTS (SELECT 1 FROM ${merge.table(AUDIT_REJECTS)} AS t WHERE t.reject_id = e.reject_id)`
}

/**
 * A document has one receipt, for the version that was read last. With one per version the table would grow with every run, and
 * each MERGE reads all receipts of the source. docs/decisions/bigquery-one-transaction.md
 */
function mergeReceipts(merge: Merge): string {
  const columns = namesOf(AUDIT_DOCUMENTS)
  const renewed = columns.filter((name) => name !== 'source' && name !== 'document')
  return `MERGE INTO ${merge.table(AUDIT_DOCUMENTS)} AS t
USING (SELECT ${list(columns)} FROM ${merge.staging} WHERE kind = 'receipt') AS e
ON t.source = @source AND t.document = e.document
WHEN MATCHED AND t.loaded_at <= e.loaded_at THEN UPDATE SET ${renewed.map((name) => `${quote(name)} = e.${quote(name)}`).join(', ')}
WHEN NOT MATCHED THEN INSERT (${list(columns)}) VALUES (${columns.map((name) => `e.${quote(name)}`).join(', ')})`
}

/** The values of the load's row; a column without one is null. */
const LOAD_VALUES = {
  load_id: '@load_id',
  documents: '@documents',
  rows_read: '@rows_read',
  inserted: 'n_inserted',
  enriched: 'n_enriched',
  unchanged: 'n_unchanged',
  rejected: 'n_rejected',
  started_at: '@started_at',
  finished_at: 'CURRENT_TIMESTAMP()',
  loader_version: '@loader_version',
  conflicts: 'n_conflicts',
}

const insertLoad = ({ table }: Merge): string => `INSERT INTO ${table(AUDIT_LOADS)} (${list(Object.keys(LOAD_VALUES))})
VALUES (${Object.values(LOAD_VALUES).join(', ')})`

/** The cost of the statements so far; the remaining ones read almost nothing. */
const insertCost = ({
  table,
}: Merge): string => `INSERT INTO ${table(AUDIT_LOAD_COSTS)} (${list(namesOf(AUDIT_LOAD_COSTS))})
VALUES (@load_id, @@script.bytes_processed, @@script.bytes_billed)`
