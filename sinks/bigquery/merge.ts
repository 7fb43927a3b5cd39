/**
 * The statements of loading a staged batch: one transaction, so that all of it is there or nothing.
 * https://cloud.google.com/bigquery/docs/transactions
 */

import { ACTIONS } from '../../schemas/actions.js'
import { BIGQUERY } from '../../schemas/ddl.js'
import {
  AUDIT_ACTIONS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECTS,
  NAME_FIELDS,
  type Table,
} from '../../schemas/tables.js'
import { type DaySpan, within } from './days.js'
import type { Kind } from './stage.js'
import { AUDIT_LOAD_COSTS } from './tables.js'

/** What of a batch stands in its statements. */
export interface Merge {
  /** A table's quoted name. */
  readonly table: (table: Table) => string
  /** The staging table's quoted name. */
  readonly staging: string
  readonly days: readonly DaySpan[]
  readonly hasRejects: boolean
}

const { quote } = BIGQUERY
const list = (names: readonly string[]): string => names.map(quote).join(', ')
const namesOf = (table: Table): string[] => table.columns.map(({ name }) => name)

/** The columns whose gaps are filled. */
export const FILLED = [...NAME_FIELDS, 'extra']
const KEY = `t.${quote('timestamp')} = e.${quote('timestamp')} AND t.content_hash = e.content_hash`
const GAP = FILLED.map((name) => `(t.${quote(name)} IS NULL AND e.${quote(name)} IS NOT NULL)`).join('\n    OR ')

/** The staged text as JSON; one that is too deep for that type stands there whole, as a text. */
const EXTRA = `IF(e.extra IS NULL, NULL,
    COALESCE(SAFE.PARSE_JSON(e.extra, wide_number_mode => 'exact'), TO_JSON(e.extra)))`

/**
 * The script of one query job. Parameters: load_id, documents, rows_read, started_at, loader_version. Its result is one row:
 * inserted, enriched, unchanged, rejected.
 *
 * It fails, and nothing is kept, unless every line read is inserted, enriched, unchanged or rejected.
 */
export function mergeScript(merge: Merge): string {
  return [
    'DECLARE n_receipts, n_rejected, n_occurrences, n_inserted, n_filled, n_fills INT64 DEFAULT 0',
    'DECLARE n_enriched, n_unchanged INT64 DEFAULT 0',
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
    ...(merge.hasRejects ? [insertRejects(merge)] : []),
    mergeReceipts(merge),
    insertLoad(merge),
    insertCost(merge),
    'COMMIT TRANSACTION',
    'SELECT n_inserted AS inserted, n_enriched AS enriched, n_unchanged AS unchanged, n_rejected AS rejected',
  ]
    .map((statement) => `${statement};\n`)
    .join('\n')
}

/**
 * Two transactions that only read and insert do not exclude each other, and two loads at once would both insert what
 * they share. Those that update the same table do: the later one is aborted, and begun anew.
 */
function takeTurns({ table }: Merge): string[] {
  return [
    `UPDATE ${table(AUDIT_ACTIONS)} SET definition = definition WHERE action = '${ACTIONS[0]?.action}'`,
    proven('@@row_count = 1', 'audit_actions lacks its rows'),
  ]
}

const proven = (condition: string, otherwise: string): string =>
  `ASSERT ${condition} AS 'wandb-audit: ${otherwise}; nothing is loaded'`

const staged = ({ staging }: Merge, kind: Kind): string => `${staging} AS e WHERE e.kind = '${kind}'`

const countStaged = ({ staging }: Merge): string => `SET (n_receipts, n_rejected, n_occurrences) = (
  SELECT AS STRUCT COUNTIF(kind = 'receipt'), COUNTIF(kind = 'reject'), COALESCE(SUM(occurrences), 0)
  FROM ${staging})`

/** Each statement names the batch's days as constants. An UPDATE is paid for by the whole of them, so none is made for nothing. */
function mergeEvents(merge: Merge): string[] {
  const events = merge.table(AUDIT_EVENTS)
  const days = `(${within(`t.${quote('timestamp')}`, merge.days)})`
  const columns = namesOf(AUDIT_EVENTS)
  return [
    `SET (n_inserted, n_filled, n_fills) = (
  SELECT AS STRUCT
    COUNTIF(t.content_hash IS NULL),
    COUNTIF(t.content_hash IS NOT NULL AND (${GAP})),
    COALESCE(SUM(IF(t.content_hash IS NULL, e.fills, 0)), 0)
  FROM (SELECT * FROM ${staged(merge, 'event')}) AS e
  LEFT JOIN (SELECT * FROM ${events} AS t WHERE ${days}) AS t ON ${KEY})`,
    `IF n_filled > 0 THEN
  UPDATE ${events} AS t
  SET ${FILLED.map((name) => `${quote(name)} = ${filled(name)}`).join(',\n    ')}
  FROM ${staged(merge, 'event')} AND ${KEY} AND ${days} AND (${GAP});
  ${proven('@@row_count = n_filled', 'other events were enriched than were to be')};
END IF`,
    `IF n_inserted > 0 THEN
  INSERT INTO ${events} (${list(columns)})
  SELECT ${columns.map((name) => (name === 'extra' ? EXTRA : `e.${quote(name)}`)).join(', ')}
  FROM ${staged(merge, 'event')} AND NOT EXISTS (
    SELECT 1 FROM ${events} AS t WHERE ${days} AND ${KEY});
  ${proven('@@row_count = n_inserted', 'other events were inserted than were to be')};
END IF`,
  ]
}

const filled = (name: string): string =>
  name === 'extra' ? `IF(t.extra IS NULL, ${EXTRA}, t.extra)` : `COALESCE(t.${quote(name)}, e.${quote(name)})`

function insertRejects(merge: Merge): string {
  const rejects = merge.table(AUDIT_REJECTS)
  const columns = list(namesOf(AUDIT_REJECTS))
  return `INSERT INTO ${rejects} (${columns})
SELECT ${columns}
FROM ${staged(merge, 'reject')} AND NOT EXISTS (SELECT 1 FROM ${rejects} AS t WHERE t.reject_id = e.reject_id)`
}

/** A document read again has one receipt a version, which tells of the last time. */
function mergeReceipts(merge: Merge): string {
  const columns = namesOf(AUDIT_DOCUMENTS)
  const key = AUDIT_DOCUMENTS.key.map((name) => `t.${quote(name)} = e.${quote(name)}`).join(' AND ')
  const renewed = columns.filter((name) => !AUDIT_DOCUMENTS.key.includes(name))
  return `MERGE INTO ${merge.table(AUDIT_DOCUMENTS)} AS t
USING (SELECT ${list(columns)} FROM ${staged(merge, 'receipt')}) AS e ON ${key}
WHEN MATCHED THEN UPDATE SET ${renewed.map((name) => `${quote(name)} = e.${quote(name)}`).join(', ')}
WHEN NOT MATCHED THEN INSERT (${list(columns)}) VALUES (${columns.map((name) => `e.${quote(name)}`).join(', ')})`
}

const insertLoad = ({ table }: Merge): string => `INSERT INTO ${table(AUDIT_LOADS)} (${list(namesOf(AUDIT_LOADS))})
VALUES (@load_id, @documents, @rows_read, n_inserted, n_enriched, n_unchanged, n_rejected,
  @started_at, CURRENT_TIMESTAMP(), @loader_version)`

/** What the statements above cost; those that follow read next to nothing. */
const insertCost = ({
  table,
}: Merge): string => `INSERT INTO ${table(AUDIT_LOAD_COSTS)} (${list(namesOf(AUDIT_LOAD_COSTS))})
VALUES (@load_id, @@script.bytes_processed, @@script.bytes_billed)`
