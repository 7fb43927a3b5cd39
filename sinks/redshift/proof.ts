/** Proves a load within its own transaction. */

import { AUDIT_CONFLICTS, AUDIT_DOCUMENTS, AUDIT_EVENTS, AUDIT_REJECTS, NAME_FIELDS } from '../../schemas/tables.js'
import { KEY, OF_EVENTS } from './comparison.js'
import type { Facts } from './merge.js'
import { AUDIT_LOCK, literal, type Namespace, quote, same, tableOf } from './namespace.js'
import { type Ranges, within } from './ranges.js'
import { STAGED_RECEIPTS, STAGED_REJECTS, type StagingTable } from './stage.js'

/** Condition: a row of audit_documents is of a staged receipt's document. */
export const sameDocument = (row: string, staged: string): string => sameColumns(AUDIT_DOCUMENTS.key, row, staged)

const sameReceipt = (row: string, staged: string): string =>
  sameColumns([...AUDIT_DOCUMENTS.key, 'document_version'], row, staged)

const sameColumns = (columns: readonly string[], row: string, staged: string): string =>
  columns.map((column) => same(`${row}.${quote(column)}`, `${staged}.${quote(column)}`)).join(' AND ')

const SAME_ROW = [
  ...[...NAME_FIELDS, 'names_document'].map(quote).map((column) => [`t.${column}`, `e.${column}`]),
  ['JSON_SERIALIZE(t."extra")', 'JSON_SERIALIZE(e."extra")'],
]
  .map(([one = '', other = '']) => `((${same(one, other)}) OR (${one} IS NULL AND ${other} IS NULL))`)
  .join(' AND ')

/** The outcome of the batch's events, as a relation of one row. */
export const countsOf = (hasEvents: boolean): string =>
  hasEvents
    ? `(SELECT keys.events, keys.inserted, keys.fills + merged.merged AS enriched, keys.occurrences
  FROM (SELECT COUNT(*) AS events, SUM(missing) AS inserted, SUM(missing * "fills") AS fills, SUM("occurrences") AS occurrences FROM event_keys) AS keys
  CROSS JOIN (SELECT COUNT(*) AS merged FROM merged_rows) AS merged)`
    : '(SELECT 0 AS events, 0 AS inserted, 0 AS enriched, 0 AS occurrences)'

/**
 * Divides by zero, and so rolls everything back, unless each line read is an event with its occurrences or a reject; each event
 * exists once; each merged row has its new values; each conflict, reject and receipt exists; and the load had its turn.
 */
export function prove(
  place: Namespace,
  { loadId, rowsRead, rejected, documents }: Facts,
  ranges: Ranges,
  has: (table: StagingTable) => boolean,
): string {
  const ofEvents = ranges.length === 0 ? NO_EVENTS : eventChecks(place, within(ranges, 't.'))
  const rejects = has(STAGED_REJECTS)
    ? `SELECT COUNT(*) AS rejects FROM ${STAGED_REJECTS.name} AS e JOIN ${tableOf(place, AUDIT_REJECTS)} AS t ON t."reject_id" = e."reject_id"`
    : 'SELECT 0 AS rejects'
  const receipts = has(STAGED_RECEIPTS)
    ? `SELECT COUNT(*) AS receipts FROM ${STAGED_RECEIPTS.name} AS e JOIN ${tableOf(place, AUDIT_DOCUMENTS)} AS t ON ${sameReceipt('t', 'e')}`
    : 'SELECT 0 AS receipts'
  const turns = `SELECT COUNT(*) AS turns FROM ${tableOf(place, AUDIT_LOCK)} WHERE "load_id" = ${literal(loadId)}`
  return `SELECT 1 / CASE WHEN c.occurrences + ${rejected} = ${rowsRead} AND c.occurrences >= c.inserted + c.enriched
  AND events.events = c.events AND unmerged.unmerged = 0 AND unkept.unkept = 0
  AND rejects.rejects = ${rejected} AND receipts.receipts = ${documents} AND turns.turns > 0
  THEN 1 ELSE 0 END AS proven
FROM ${countsOf(ranges.length > 0)} AS c
${[...ofEvents, `(${rejects}) AS rejects`, `(${receipts}) AS receipts`, `(${turns}) AS turns`]
  .map((relation) => `CROSS JOIN ${relation}`)
  .join('\n')}`
}

const NO_EVENTS = ['events', 'unmerged', 'unkept'].map((name) => `(SELECT 0 AS ${name}) AS ${name}`)

function eventChecks(place: Namespace, within: string): string[] {
  const events = tableOf(place, AUDIT_EVENTS)
  return [
    `(SELECT COUNT(*) AS events FROM ${OF_EVENTS.readings} AS e JOIN ${events} AS t ON ${KEY} WHERE ${within}) AS events`,
    `(SELECT COUNT(*) AS unmerged FROM merged_rows AS e JOIN ${events} AS t ON ${KEY} WHERE ${within} AND NOT (
  ${SAME_ROW})) AS unmerged`,
    `(SELECT COUNT(*) AS unkept FROM found_conflicts AS e LEFT JOIN ${tableOf(place, AUDIT_CONFLICTS)} AS t ON t."conflict_id" = e.conflict_id
  WHERE t."conflict_id" IS NULL) AS unkept`,
  ]
}
