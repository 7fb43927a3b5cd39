/** The SQL that loads one batch: an idempotent transaction that fails unless every line is accounted for. */

import { REDSHIFT, typeOf } from '../../schemas/ddl.js'
import {
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  type Column,
  type Table,
} from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import {
  type Comparison,
  compareEvents,
  compareReadings,
  KEY,
  OF_EVENTS,
  OF_READINGS,
  pairsOf,
  RULE,
} from './comparison.js'
import { AUDIT_PARTS, columnsOf, instant, literal, type Namespace, quote, tableOf, takeTurn } from './namespace.js'
import { countsOf, prove, sameDocument } from './proof.js'
import { type Ranges, within } from './ranges.js'
import {
  STAGED_EVENTS,
  STAGED_PARTS,
  STAGED_PIECES,
  STAGED_RECEIPTS,
  STAGED_REJECTS,
  type StagingTable,
} from './stage.js'

export interface StagedObject {
  readonly table: StagingTable
  /** `s3://bucket/prefix/` of all staged objects. */
  readonly address: string
}

export interface LoadPlan {
  readonly place: Namespace
  readonly iamRole: string
  readonly objects: readonly StagedObject[]
  /** Of the batch's events. */
  readonly ranges: Ranges
  readonly finishedAt: Date
}

export type Facts = Pick<Batch, 'loadId' | 'startedAt' | 'loaderVersion' | 'documents' | 'rowsRead' | 'rejected'> & {
  readonly readings: { readonly rows: number }
}

/** Columns as the files have them. Texts have the lengths of new tables; an older table has longer ones, never shorter. */
const STAGING: Pick<typeof REDSHIFT, 'types' | 'textType'> = {
  ...REDSHIFT,
  types: { ...REDSHIFT.types, json: REDSHIFT.types.text, timestamp: 'VARCHAR(40)' },
}

/**
 * The statements of one transaction; the last one SELECTs the committed counts.
 *
 * LOCK comes first, because a transaction sees what was committed before its first other statement.
 * https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
 */
export function loadStatements(batch: Facts, plan: LoadPlan): string[] {
  const { place, objects, ranges } = plan
  const has = (table: StagingTable): boolean => objects.some((object) => object.table === table)
  const statements = [
    ...takeTurn(place, batch.loadId),
    // If an object repeats a key, the last value counts, as in JavaScript; it is not an error.
    'SET json_parse_dedup_attributes TO on',
    ...objects.flatMap(({ table, address }) => [createStaging(table), copy(table, address, plan.iamRole)]),
    ...(has(STAGED_PARTS) ? [insertParts(place)] : []),
    ...(ranges.length === 0 ? [] : mergeEvents(batch, plan)),
    // Pieces come before their rejects, which show what is missing.
    ...(has(STAGED_PIECES) ? [insertMissing(place, AUDIT_REJECT_PIECES, STAGED_PIECES)] : []),
    ...(has(STAGED_REJECTS) ? [insertMissing(place, AUDIT_REJECTS, STAGED_REJECTS)] : []),
    ...(has(STAGED_RECEIPTS) ? [deleteReceipts(place), insertReceipts(place)] : []),
    insertLoad(batch, plan),
    prove(place, batch, ranges, has),
  ]
  const temporary = statements.flatMap((sql) => /^CREATE TEMP TABLE (\w+)/.exec(sql)?.slice(1) ?? [])
  return [...statements, `DROP TABLE ${temporary.join(', ')}`, selectCounts(place, batch.loadId)]
}

/** The committed counts of a load, if it was committed. */
export const selectCounts = (place: Namespace, loadId: string): string =>
  `SELECT "rows_read", "inserted", "enriched", "unchanged", "rejected", "conflicts" FROM ${tableOf(place, AUDIT_LOADS)} WHERE "load_id" = ${literal(loadId)}`

function createStaging(table: StagingTable): string {
  const columns = table.for.columns.map((column) => `${quote(column.name)} ${typeOf(column, STAGING)}`)
  return `CREATE TEMP TABLE ${table.name} (${[...columns, ...table.more.map((name) => `${quote(name)} INTEGER`)].join(', ')})`
}

const copy = (table: StagingTable, address: string, iamRole: string): string =>
  `COPY ${table.name} FROM ${literal(address)} IAM_ROLE ${iamRole} FORMAT AS PARQUET STATUPDATE OFF`

/** Converts staged values to the types of their table. */
const casts = (table: Table): string => table.columns.map(cast).join(', ')

function cast({ name, type }: Column): string {
  if (type === 'timestamp') return `CAST(e.${quote(name)} AS TIMESTAMPTZ)`
  return type === 'json' ? parsed(`e.${quote(name)}`) : `e.${quote(name)}`
}

/** A text that JSON_PARSE refuses after all is kept as a string: one odd value must not block loads for ever. */
const parsed = (text: string): string =>
  `CASE WHEN CAN_JSON_PARSE(${text}) THEN JSON_PARSE(${text}) ELSE CAST(${text} AS SUPER) END`

/** Compares first, then changes. Readings of the batch are compared with the row that their event was merged into. */
function mergeEvents(batch: Facts, { place, ranges, finishedAt }: LoadPlan): string[] {
  const ofReadings =
    batch.readings.rows === 0
      ? []
      : [
          typed(OF_READINGS, '> 0'),
          ...compareReadings(place, ranges),
          `INSERT INTO found_conflicts\n${RULE.conflictRows(pairsOf(OF_READINGS))}`,
        ]
  return [
    typed(OF_EVENTS, '= 0'),
    ...compareEvents(place, ranges),
    mergedRows(),
    `CREATE TEMP TABLE found_conflicts AS\n${RULE.conflictRows(pairsOf(OF_EVENTS))}`,
    eventKeys(place, ranges),
    updateEvents(place, ranges),
    insertEvents(place),
    ...ofReadings,
    updateConflicts(place),
    insertConflicts(place, batch.loadId, finishedAt),
  ]
}

const typed = ({ readings }: Comparison, reading: string): string => `CREATE TEMP TABLE ${readings} AS
SELECT ${AUDIT_EVENTS.columns.map((column) => `${cast(column)} AS ${quote(column.name)}`).join(', ')}, ${STAGED_EVENTS.more.map((name) => `e.${quote(name)}`).join(', ')}
FROM ${STAGED_EVENTS.name} AS e WHERE e."reading" ${reading}`

/** The columns that a merge changes, each with its value. */
const CHANGED = Object.entries(RULE.values)

const mergedRows = (): string => `CREATE TEMP TABLE merged_rows AS
SELECT t."timestamp", t."content_hash", ${CHANGED.map(([name, value]) => `${value} AS ${quote(name)}`).join(', ')}
FROM ${pairsOf(OF_EVENTS)}
WHERE ${RULE.changes}`

/** Existing rows of audit_events: `t`, with its key. */
const there = (place: Namespace, ranges: Ranges): string =>
  `(SELECT "timestamp", "content_hash" FROM ${tableOf(place, AUDIT_EVENTS)} WHERE ${within(ranges)}) AS t`

/** What is missing of the batch: looked up once, and without `extra`, so that no outer join carries it. */
const eventKeys = (place: Namespace, ranges: Ranges): string => `CREATE TEMP TABLE event_keys AS
SELECT e."timestamp", e."content_hash", e."fills", e."occurrences", CASE WHEN t."content_hash" IS NULL THEN 1 ELSE 0 END AS missing
FROM ${OF_EVENTS.readings} AS e LEFT JOIN ${there(place, ranges)} ON ${KEY}`

/** Updates only rows that change, because an UPDATE rewrites the whole row. */
const updateEvents = (place: Namespace, ranges: Ranges): string =>
  `UPDATE ${tableOf(place, AUDIT_EVENTS)} AS t SET ${CHANGED.map(([name]) => `${quote(name)} = e.${quote(name)}`).join(', ')}
FROM merged_rows AS e WHERE ${KEY} AND ${within(ranges, 't.')}`

const insertEvents = (
  place: Namespace,
): string => `INSERT INTO ${tableOf(place, AUDIT_EVENTS)} (${columnsOf(AUDIT_EVENTS)})
SELECT ${AUDIT_EVENTS.columns.map(({ name }) => `e.${quote(name)}`).join(', ')} FROM ${OF_EVENTS.readings} AS e
JOIN event_keys AS t ON ${KEY}
WHERE t.missing = 1`

/** A known conflict keeps the larger number of events. */
const updateConflicts = (
  place: Namespace,
): string => `UPDATE ${tableOf(place, AUDIT_CONFLICTS)} AS t SET "events" = e.events
FROM (SELECT conflict_id, MAX(events) AS events FROM found_conflicts GROUP BY conflict_id) AS e
WHERE t."conflict_id" = e.conflict_id AND t."events" < e.events`

function insertConflicts(place: Namespace, loadId: string, loadedAt: Date): string {
  const provenance: Readonly<Record<string, string>> = { load_id: literal(loadId), loaded_at: instantOf(loadedAt) }
  const values = AUDIT_CONFLICTS.columns.map(({ name }) => provenance[name] ?? `e.${quote(name)}`)
  return `INSERT INTO ${tableOf(place, AUDIT_CONFLICTS)} (${columnsOf(AUDIT_CONFLICTS)})
SELECT ${values.join(', ')} FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY conflict_id ORDER BY events DESC, "timestamp", content_hash) AS nth FROM found_conflicts
) AS e
LEFT JOIN (SELECT "conflict_id" FROM ${tableOf(place, AUDIT_CONFLICTS)}) AS t ON t."conflict_id" = e.conflict_id
WHERE t."conflict_id" IS NULL AND e.nth = 1`
}

/** A text's id is its digest, so an existing one is the same text. */
const insertParts = (
  place: Namespace,
): string => `INSERT INTO ${tableOf(place, AUDIT_PARTS)} (${columnsOf(AUDIT_PARTS)})
SELECT ${casts(AUDIT_PARTS)} FROM ${STAGED_PARTS.name} AS e
LEFT JOIN (SELECT DISTINCT "id" FROM ${tableOf(place, AUDIT_PARTS)}) AS t ON t."id" = e."id"
WHERE t."id" IS NULL`

/** What belongs to rejects that do not exist yet. */
const insertMissing = (
  place: Namespace,
  table: Table,
  staged: StagingTable,
): string => `INSERT INTO ${tableOf(place, table)} (${columnsOf(table)})
SELECT ${casts(table)} FROM ${staged.name} AS e
LEFT JOIN (SELECT "reject_id" FROM ${tableOf(place, AUDIT_REJECTS)}) AS t ON t."reject_id" = e."reject_id"
WHERE t."reject_id" IS NULL`

const insertReceipts = (
  place: Namespace,
): string => `INSERT INTO ${tableOf(place, AUDIT_DOCUMENTS)} (${columnsOf(AUDIT_DOCUMENTS)})
SELECT ${casts(AUDIT_DOCUMENTS)} FROM ${STAGED_RECEIPTS.name} AS e`

/** A document has one receipt: of the version loaded last. DELETE accepts no aliases. */
function deleteReceipts(place: Namespace): string {
  const staged = STAGED_RECEIPTS.name
  const receipts = quote(place.prefix + AUDIT_DOCUMENTS.name)
  return `DELETE FROM ${tableOf(place, AUDIT_DOCUMENTS)} USING ${staged} WHERE ${sameDocument(receipts, staged)}`
}

/** If a first attempt was committed unnoticed, this adds no second row and returns the counts of the first. */
function insertLoad(batch: Facts, { place, ranges, finishedAt }: LoadPlan): string {
  const { loadId, documents, rowsRead, rejected, startedAt, loaderVersion } = batch
  const conflicts = ranges.length === 0 ? '0' : '(SELECT COALESCE(SUM(events), 0) FROM found_conflicts)'
  // A column without a value is null.
  const values = {
    load_id: literal(loadId),
    documents,
    rows_read: rowsRead,
    inserted: 'c.inserted',
    enriched: 'c.enriched',
    unchanged: 'c.occurrences - c.inserted - c.enriched',
    rejected,
    started_at: instantOf(startedAt),
    finished_at: instantOf(finishedAt),
    loader_version: literal(loaderVersion),
    conflicts,
  }
  return `INSERT INTO ${tableOf(place, AUDIT_LOADS)} (${Object.keys(values).map(quote).join(', ')})
SELECT ${Object.values(values).join(', ')}
FROM ${countsOf(ranges.length > 0)} AS c
WHERE (SELECT COUNT(*) FROM ${tableOf(place, AUDIT_LOADS)} WHERE "load_id" = ${literal(loadId)}) = 0`
}

const instantOf = (date: Date): string => instant(BigInt(date.getTime()) * 1000n)
