/** SQL that merges a batch's rows with the rows of files. */

import { DUCKDB } from '../../schemas/ddl.js'
import { AUDIT_EVENTS, type Table } from '../../schemas/tables.js'
import type { TimestampBounds } from '../../src/contract.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { KEY, RULE } from './duckdb-merge.js'
import { filed, rowsIn } from './parquet-rows.js'

const ORDER = 'ORDER BY "timestamp", content_hash'

const instant = (microseconds: bigint): string => `make_timestamptz(${microseconds})`

/** Constant bounds let DuckDB skip row groups outside them. */
export const within = ({ least, greatest }: TimestampBounds): string =>
  `"timestamp" BETWEEN ${instant(least)} AND ${instant(greatest)}`

/** The events of files between the bounds, as a relation. */
export const eventsIn = (files: readonly string[], bounds: TimestampBounds): string =>
  `(FROM (${rowsIn(AUDIT_EVENTS, files)}) WHERE ${within(bounds)})`

/**
 * Compares events `e` (columns of audit_events, occurrences, fills) with those of a day's files: one row of `missing`, `inserted`,
 * `filled`, `fills` and `contradicted`.
 *
 * An event that this load itself wrote before the store's answer was lost counts as inserted.
 */
export function countEvents(files: readonly string[], e: string, bounds: TimestampBounds, loadId: string): string {
  const isNew = `(t.content_hash IS NULL OR t.load_id = ${quotedString(loadId)})`
  return `
    SELECT count(*) FILTER (t.content_hash IS NULL) AS missing,
      count(*) FILTER (${isNew}) AS inserted,
      count(*) FILTER (NOT ${isNew} AND ${RULE.changes}) AS filled,
      coalesce(sum(e.fills) FILTER (${isNew}), 0) AS fills,
      count(*) FILTER (t.content_hash IS NOT NULL AND ${RULE.conflicts}) AS contradicted
    FROM (${e}) e LEFT JOIN ${eventsIn(files, bounds)} t ON ${KEY}`
}

/** How many events `e` (with the key of audit_events) are in a day's files. Reads nothing but keys. */
export const countKnown = (files: readonly string[], e: string, bounds: TimestampBounds): string =>
  `SELECT count(*) FROM (${e}) e SEMI JOIN ${eventsIn(files, bounds)} t ON ${KEY}`

/** `all` of the batch's events become rows, or only those whose rows are `there`. */
type Merged = 'all' | 'there'

/**
 * The file's events with `e` merged in, ordered by time. Only rows between the bounds are merged and sorted; the rest is copied.
 */
export function mergeEvents(file: string | null, e: string, bounds: TimestampBounds, merged: Merged = 'all'): string {
  if (file === null) return `SELECT ${filed(AUDIT_EVENTS)} FROM (${e}) ${ORDER}`
  const existing = rowsIn(AUDIT_EVENTS, [file])
  const columns = filed(AUDIT_EVENTS, (name) => {
    const column = DUCKDB.quote(name)
    if (AUDIT_EVENTS.key.includes(name)) return `coalesce(t.${column}, e.${column})`
    return RULE.values[name] ?? `CASE WHEN t.content_hash IS NULL THEN e.${column} ELSE t.${column} END`
  })
  const join = merged === 'all' ? 'FULL JOIN' : 'LEFT JOIN'
  return `
    SELECT * FROM (${existing}) WHERE "timestamp" < ${instant(bounds.least)}
    UNION ALL
    (SELECT ${columns} FROM ${eventsIn([file], bounds)} t ${join} (${e}) e ON ${KEY} ${ORDER})
    UNION ALL
    SELECT * FROM (${existing}) WHERE "timestamp" > ${instant(bounds.greatest)}`
}

/** The rows of both, sorted by key; `first` wins where both have a row. */
export function mergeRows(table: Table, first: string, second: string): string {
  const key = table.key.map(DUCKDB.quote).join(', ')
  return `
    SELECT ${filed(table)} FROM (${first})
    UNION ALL
    SELECT ${filed(table)} FROM (${second}) ANTI JOIN (${first}) USING (${key})
    ORDER BY ${key}`
}
