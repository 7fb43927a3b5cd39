/** The SQL of merging what a batch has for one file with what the file has. */

import { DUCKDB } from '../../schemas/ddl.js'
import { AUDIT_EVENTS, NAME_FIELDS, type Table } from '../../schemas/tables.js'
import type { TimestampBounds } from '../../src/contract.js'
import { filed, rowsIn, textLiteral } from './layout.js'

const FILLED = [...NAME_FIELDS, 'extra']
const KEY = 't."timestamp" = e."timestamp" AND t.content_hash = e.content_hash'
const GAP = FILLED.map((name) => `(t.${DUCKDB.quote(name)} IS NULL AND e.${DUCKDB.quote(name)} IS NOT NULL)`).join(
  ' OR ',
)
const ORDER = 'ORDER BY "timestamp", content_hash'

const instant = (microseconds: bigint): string => `make_timestamptz(${microseconds})`

/** Constant bounds let DuckDB pass over the row groups of other times. */
export const within = ({ least, greatest }: TimestampBounds): string =>
  `"timestamp" BETWEEN ${instant(least)} AND ${instant(greatest)}`

/**
 * What becomes of the events `e` (columns of audit_events, occurrences, fills) beside those of a day's file: one row of
 * `missing`, `inserted`, `filled` and `fills`.
 *
 * An event that this very load has put there, before its answer was lost, counts as inserted.
 */
export function countEvents(file: string, e: string, bounds: TimestampBounds, loadId: string): string {
  const t = `FROM (${rowsIn(AUDIT_EVENTS, [file])}) WHERE ${within(bounds)}`
  const isNew = `(t.content_hash IS NULL OR t.load_id = ${textLiteral(loadId)})`
  return `
    SELECT count(*) FILTER (t.content_hash IS NULL) AS missing,
      count(*) FILTER (${isNew}) AS inserted,
      count(*) FILTER (NOT ${isNew} AND (${GAP})) AS filled,
      coalesce(sum(e.fills) FILTER (${isNew}), 0) AS fills
    FROM (${e}) e LEFT JOIN (${t}) t ON ${KEY}`
}

/**
 * The day's events, those of `e` among them: gaps filled, everything else as it was, in the order of time. Only what lies
 * between the bounds is sorted; the rest is copied as it stands.
 */
export function mergeEvents(file: string | null, e: string, bounds: TimestampBounds): string {
  if (file === null) return `SELECT ${filed(AUDIT_EVENTS)} FROM (${e}) ${ORDER}`
  const there = rowsIn(AUDIT_EVENTS, [file])
  const merged = filed(AUDIT_EVENTS, (name) => {
    const column = DUCKDB.quote(name)
    const either = `coalesce(t.${column}, e.${column})`
    if (FILLED.includes(name) || AUDIT_EVENTS.key.includes(name)) return either
    return `CASE WHEN t.content_hash IS NULL THEN e.${column} ELSE t.${column} END`
  })
  return `
    SELECT * FROM (${there}) WHERE "timestamp" < ${instant(bounds.least)}
    UNION ALL
    (SELECT ${merged} FROM (FROM (${there}) WHERE ${within(bounds)}) t FULL JOIN (${e}) e ON ${KEY} ${ORDER})
    UNION ALL
    SELECT * FROM (${there}) WHERE "timestamp" > ${instant(bounds.greatest)}`
}

/** All rows of both, sorted by the table's key; where both have one, that of `first`. */
export function mergeRows(table: Table, first: string, second: string): string {
  const key = table.key.map(DUCKDB.quote).join(', ')
  return `
    SELECT ${filed(table)} FROM (${first})
    UNION ALL
    SELECT ${filed(table)} FROM (${second}) ANTI JOIN (${first}) USING (${key})
    ORDER BY ${key}`
}
