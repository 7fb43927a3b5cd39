/** The SQL of loading one batch: a transaction that is idempotent, and fails when a line is not accounted for. */

import {
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECTS,
  type Column,
  NAME_FIELDS,
  type Table,
} from '../../schemas/tables.js'
import type { Batch, TimestampBounds } from '../../src/contract.js'
import { EXACT, PARTS } from './exact.js'
import { AUDIT_PARTS, columnsOf, instant, literal, type Place, quote, tableOf } from './place.js'
import { STAGED_EVENTS, STAGED_PARTS, STAGED_RECEIPTS, STAGED_REJECTS, type StagingTable } from './stage.js'

export interface StagedObject {
  readonly table: StagingTable
  /** `s3://bucket/key` of one object. */
  readonly address: string
}

export interface LoadPlan {
  readonly place: Place
  readonly iamRole: string
  readonly objects: readonly StagedObject[]
  readonly finishedAt: Date
}

type Facts = Pick<Batch, 'loadId' | 'startedAt' | 'loaderVersion' | 'documents' | 'rowsRead' | 'rejected'> & {
  readonly events: { readonly bounds: TimestampBounds | null }
}

/** A VARCHAR's bytes; a row of a file must not hold more. */
const STAGING_TYPES = {
  text: 'VARCHAR(65535)',
  json: 'VARCHAR(65535)',
  timestamp: 'VARCHAR(40)',
  bigint: 'BIGINT',
  integer: 'INTEGER',
  boolean: 'BOOLEAN',
}

const FILLED = [...NAME_FIELDS, 'extra'].map(quote)
const GAP = FILLED.map((column) => `(t.${column} IS NULL AND e.${column} IS NOT NULL)`).join(' OR ')
const KEY = 't."content_hash" = e."content_hash" AND t."timestamp" = CAST(e."timestamp" AS TIMESTAMPTZ)'

/**
 * The statements of one transaction; the last one SELECTs the counts that were committed.
 *
 * LOCK stands first, because a transaction sees what was committed before its first other statement, and holds a
 * table that analysts do not read: the lock keeps off readers too.
 * https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
 */
export function loadStatements(batch: Facts, plan: LoadPlan): string[] {
  const { place, objects } = plan
  const has = (table: StagingTable): boolean => objects.some((object) => object.table === table)
  const { bounds } = batch.events
  return [
    `LOCK ${tableOf(place, AUDIT_LOADS)}`,
    // Of equal keys in one object the last one counts, as in JavaScript, and is no error.
    'SET json_parse_dedup_attributes TO on',
    ...objects.flatMap(({ table, address }) => [createStaging(table), copy(table, address, plan.iamRole)]),
    bounds === null ? noCounts() : countEvents(place, bounds),
    ...(has(STAGED_PARTS) ? [insertParts(place, bounds, has(STAGED_REJECTS))] : []),
    ...(bounds === null ? [] : [fillEvents(place, bounds), insertEvents(place, bounds)]),
    ...(has(STAGED_REJECTS) ? [insertRejects(place)] : []),
    ...(has(STAGED_RECEIPTS) ? [deleteReceipts(place), insertReceipts(place)] : []),
    insertLoad(place, batch, plan.finishedAt),
    prove(place, batch, has),
    `DROP TABLE ${[...objects.map(({ table }) => table.name), 'load_counts'].join(', ')}`,
    selectCounts(place, batch.loadId),
  ]
}

/** The committed counts of a load, if it was committed. */
export const selectCounts = (place: Place, loadId: string): string =>
  `SELECT "rows_read", "inserted", "enriched", "unchanged", "rejected" FROM ${tableOf(place, AUDIT_LOADS)} WHERE "load_id" = ${literal(loadId)}`

function createStaging(table: StagingTable): string {
  const columns = table.for.columns.map(({ name, type }) => `${quote(name)} ${STAGING_TYPES[type]}`)
  return `CREATE TEMP TABLE ${table.name} (${[...columns, ...table.more.map((name) => `${quote(name)} INTEGER`)].join(', ')})`
}

const copy = (table: StagingTable, address: string, iamRole: string): string =>
  `COPY ${table.name} FROM ${literal(address)} IAM_ROLE ${iamRole} FORMAT AS PARQUET`

/** Staged values as their table has them. */
const casts = (table: Table): string => table.columns.map(cast).join(', ')

function cast({ name, type }: Column): string {
  if (type === 'timestamp') return `CAST(e.${quote(name)} AS TIMESTAMPTZ)`
  return type === 'json' ? parsed(`e.${quote(name)}`) : `e.${quote(name)}`
}

/** What JSON_PARSE refuses after all stays, as a string of its JSON text: one odd value must not stop a load for ever. */
const parsed = (text: string): string =>
  `CASE WHEN CAN_JSON_PARSE(${text}) THEN JSON_PARSE(${text}) ELSE CAST(${text} AS SUPER) END`

const within = ({ least, greatest }: TimestampBounds): string =>
  `"timestamp" BETWEEN ${instant(least)} AND ${instant(greatest)}`

const noCounts = (): string =>
  'CREATE TEMP TABLE load_counts AS SELECT 0 AS events, 0 AS inserted, 0 AS enriched, 0 AS occurrences'

function countEvents(place: Place, bounds: TimestampBounds): string {
  const isNew = 't."content_hash" IS NULL'
  return `CREATE TEMP TABLE load_counts AS
SELECT COUNT(*) AS events, SUM(CASE WHEN ${isNew} THEN 1 ELSE 0 END) AS inserted,
  SUM(CASE WHEN ${isNew} THEN e."fills" WHEN ${GAP} THEN 1 ELSE 0 END) AS enriched,
  SUM(e."occurrences") AS occurrences
FROM ${STAGED_EVENTS.name} AS e
LEFT JOIN (SELECT "timestamp", "content_hash", ${FILLED.join(', ')} FROM ${tableOf(place, AUDIT_EVENTS)} WHERE ${within(bounds)}) AS t
  ON ${KEY}`
}

/** Of rejects that are new, and of extras that are about to be taken; to be run before both. */
function insertParts(place: Place, bounds: TimestampBounds | null, rejects: boolean): string {
  const wanted = [
    ...(bounds === null
      ? []
      : [
          `SELECT e."content_hash" AS id FROM ${STAGED_EVENTS.name} AS e
  LEFT JOIN (SELECT "timestamp", "content_hash", "extra" FROM ${tableOf(place, AUDIT_EVENTS)} WHERE ${within(bounds)}) AS t ON ${KEY}
  WHERE t."extra" IS NULL`,
        ]),
    ...(rejects
      ? [
          `SELECT e."reject_id" AS id FROM ${STAGED_REJECTS.name} AS e
  LEFT JOIN ${tableOf(place, AUDIT_REJECTS)} AS t ON t."reject_id" = e."reject_id" WHERE t."reject_id" IS NULL`,
        ]
      : []),
  ]
  return `INSERT INTO ${tableOf(place, AUDIT_PARTS)} (${columnsOf(AUDIT_PARTS)})
SELECT ${casts(AUDIT_PARTS)} FROM ${STAGED_PARTS.name} AS e JOIN (
  ${wanted.join('\n  UNION ALL\n  ')}
) AS wanted ON wanted.id = e."id"`
}

/** Only rows that the batch fills a gap of are written again: an UPDATE rewrites the whole row. */
function fillEvents(place: Place, bounds: TimestampBounds): string {
  const values = FILLED.map((column) =>
    column === '"extra"'
      ? `"extra" = CASE WHEN t."extra" IS NULL THEN ${parsed('e."extra"')} ELSE t."extra" END`
      : `${column} = COALESCE(t.${column}, e.${column})`,
  )
  return `UPDATE ${tableOf(place, AUDIT_EVENTS)} AS t SET ${values.join(', ')}
FROM ${STAGED_EVENTS.name} AS e
WHERE ${KEY} AND t.${within(bounds)} AND (${GAP})`
}

const insertEvents = (
  place: Place,
  bounds: TimestampBounds,
): string => `INSERT INTO ${tableOf(place, AUDIT_EVENTS)} (${columnsOf(AUDIT_EVENTS)})
SELECT ${casts(AUDIT_EVENTS)} FROM ${STAGED_EVENTS.name} AS e
LEFT JOIN (SELECT "timestamp", "content_hash" FROM ${tableOf(place, AUDIT_EVENTS)} WHERE ${within(bounds)}) AS t ON ${KEY}
WHERE t."content_hash" IS NULL`

const insertRejects = (
  place: Place,
): string => `INSERT INTO ${tableOf(place, AUDIT_REJECTS)} (${columnsOf(AUDIT_REJECTS)})
SELECT ${casts(AUDIT_REJECTS)} FROM ${STAGED_REJECTS.name} AS e
LEFT JOIN (SELECT "reject_id" FROM ${tableOf(place, AUDIT_REJECTS)}) AS t ON t."reject_id" = e."reject_id"
WHERE t."reject_id" IS NULL`

const insertReceipts = (
  place: Place,
): string => `INSERT INTO ${tableOf(place, AUDIT_DOCUMENTS)} (${columnsOf(AUDIT_DOCUMENTS)})
SELECT ${casts(AUDIT_DOCUMENTS)} FROM ${STAGED_RECEIPTS.name} AS e`

/** A document read again has one receipt a version, which tells of the last time. */
function deleteReceipts(place: Place): string {
  const receipts = quote(place.prefix + AUDIT_DOCUMENTS.name)
  const key = AUDIT_DOCUMENTS.key.map((column) => `${receipts}.${quote(column)} = e.${quote(column)}`).join(' AND ')
  return `DELETE FROM ${tableOf(place, AUDIT_DOCUMENTS)} USING ${STAGED_RECEIPTS.name} AS e WHERE ${key}`
}

/** A statement whose first try was committed though nobody heard of it adds no second row, and gives the first one's counts. */
function insertLoad(place: Place, batch: Facts, finishedAt: Date): string {
  const { loadId, documents, rowsRead, rejected, startedAt, loaderVersion } = batch
  const at = (date: Date): string => instant(BigInt(date.getTime()) * 1000n)
  return `INSERT INTO ${tableOf(place, AUDIT_LOADS)} (${columnsOf(AUDIT_LOADS)})
SELECT ${literal(loadId)}, ${documents}, ${rowsRead}, c.inserted, c.enriched, c.occurrences - c.inserted - c.enriched, ${rejected}, ${at(startedAt)}, ${at(finishedAt)}, ${literal(loaderVersion)}
FROM load_counts AS c
WHERE (SELECT COUNT(*) FROM ${tableOf(place, AUDIT_LOADS)} WHERE "load_id" = ${literal(loadId)}) = 0`
}

/**
 * Divides by zero, and so undoes everything, unless each line read is an event with its occurrences or a reject, each event
 * is there once and without a gap that the batch could fill, and each reject and receipt is there.
 */
function prove(
  place: Place,
  { rowsRead, rejected, documents, events: { bounds } }: Facts,
  has: (table: StagingTable) => boolean,
): string {
  const there =
    bounds === null
      ? 'SELECT 0 AS events, 0 AS gaps'
      : `SELECT COUNT(*) AS events, SUM(CASE WHEN ${GAP} THEN 1 ELSE 0 END) AS gaps
  FROM ${STAGED_EVENTS.name} AS e JOIN ${tableOf(place, AUDIT_EVENTS)} AS t ON ${KEY} WHERE t.${within(bounds)}`
  const rejects = has(STAGED_REJECTS)
    ? `SELECT COUNT(*) AS rejects FROM ${STAGED_REJECTS.name} AS e JOIN ${tableOf(place, AUDIT_REJECTS)} AS t ON t."reject_id" = e."reject_id"`
    : 'SELECT 0 AS rejects'
  const key = AUDIT_DOCUMENTS.key.map((column) => `t.${quote(column)} = e.${quote(column)}`).join(' AND ')
  const receipts = has(STAGED_RECEIPTS)
    ? `SELECT COUNT(*) AS receipts FROM ${STAGED_RECEIPTS.name} AS e JOIN ${tableOf(place, AUDIT_DOCUMENTS)} AS t ON ${key}`
    : 'SELECT 0 AS receipts'
  return `SELECT 1 / CASE WHEN c.occurrences + ${rejected} = ${rowsRead} AND c.occurrences >= c.inserted + c.enriched
  AND events.events = c.events AND events.gaps = 0 AND rejects.rejects = ${rejected} AND receipts.receipts = ${documents}
  THEN 1 ELSE 0 END AS proven
FROM load_counts AS c
CROSS JOIN (${there}) AS events
CROSS JOIN (${rejects}) AS rejects
CROSS JOIN (${receipts}) AS receipts`
}

/** SELECTs timestamp and key of each key in `extra`, but for the keys of this sink's own. */
export const keysOf = (events: string, json: string): string =>
  `SELECT e."timestamp", CAST(k AS VARCHAR) AS key FROM ${events} AS e, UNPIVOT e.${quote(json)} AS v AT k
            WHERE CAST(k AS VARCHAR) NOT IN (${[EXACT, PARTS].map(literal).join(', ')})`
