/** The proof of a load, within its transaction. */

import { AUDIT_CONFLICTS, AUDIT_DOCUMENTS, AUDIT_EVENTS, AUDIT_REJECTS, NAME_FIELDS } from '../../schemas/tables.js'
import { KEY, OF_EVENTS, within } from './comparison.js'
import type { Facts } from './merge.js'
import { type Place, quote, tableOf } from './place.js'
import { STAGED_RECEIPTS, STAGED_REJECTS, type StagingTable } from './stage.js'

/** Equal to the last blank: to `=` alone trailing ones do not matter. */
export const sameReceipt = (row: string): string =>
  AUDIT_DOCUMENTS.key
    .map((column) => [`${row}.${quote(column)}`, `e.${quote(column)}`])
    .map(([one, other]) => `${one} = ${other} AND LEN(${one}) = LEN(${other})`)
    .join(' AND ')

const SAME_ROW = [...NAME_FIELDS, 'names_document']
  .map(quote)
  .map((column) => `(t.${column} = e.${column} OR (t.${column} IS NULL AND e.${column} IS NULL))`)
  .join(' AND ')

/**
 * Divides by zero, and so undoes everything, unless each line read is an event with its occurrences or a reject, each event
 * is there once, each merged row is as it shall be, and each conflict, reject and receipt is there.
 */
export function prove(
  place: Place,
  { rowsRead, rejected, documents, events: { bounds } }: Facts,
  has: (table: StagingTable) => boolean,
): string {
  const ofEvents = bounds === null ? NO_EVENTS : eventChecks(place, `t.${within(bounds)}`)
  const rejects = has(STAGED_REJECTS)
    ? `SELECT COUNT(*) AS rejects FROM ${STAGED_REJECTS.name} AS e JOIN ${tableOf(place, AUDIT_REJECTS)} AS t ON t."reject_id" = e."reject_id"`
    : 'SELECT 0 AS rejects'
  const receipts = has(STAGED_RECEIPTS)
    ? `SELECT COUNT(*) AS receipts FROM ${STAGED_RECEIPTS.name} AS e JOIN ${tableOf(place, AUDIT_DOCUMENTS)} AS t ON ${sameReceipt('t')}`
    : 'SELECT 0 AS receipts'
  return `SELECT 1 / CASE WHEN c.occurrences + ${rejected} = ${rowsRead} AND c.occurrences >= c.inserted + c.enriched
  AND events.events = c.events AND unmerged.unmerged = 0 AND unkept.unkept = 0
  AND rejects.rejects = ${rejected} AND receipts.receipts = ${documents}
  THEN 1 ELSE 0 END AS proven
FROM load_counts AS c
${[...ofEvents, `(${rejects}) AS rejects`, `(${receipts}) AS receipts`]
  .map((relation) => `CROSS JOIN ${relation}`)
  .join('\n')}`
}

const NO_EVENTS = ['events', 'unmerged', 'unkept'].map((name) => `(SELECT 0 AS ${name}) AS ${name}`)

function eventChecks(place: Place, within: string): string[] {
  const events = tableOf(place, AUDIT_EVENTS)
  return [
    `(SELECT COUNT(*) AS events FROM ${OF_EVENTS.readings} AS e JOIN ${events} AS t ON ${KEY} WHERE ${within}) AS events`,
    `(SELECT COUNT(*) AS unmerged FROM merged_rows AS e JOIN ${events} AS t ON ${KEY} WHERE ${within} AND NOT (
  ${SAME_ROW} AND JSON_SERIALIZE(t."extra") = JSON_SERIALIZE(e."extra"))) AS unmerged`,
    `(SELECT COUNT(*) AS unkept FROM found_conflicts AS e LEFT JOIN ${tableOf(place, AUDIT_CONFLICTS)} AS t ON t."conflict_id" = e.conflict_id
  WHERE t."conflict_id" IS NULL) AS unkept`,
  ]
}
