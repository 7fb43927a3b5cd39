/** The merge rule in DuckDB's SQL, for sinks that merge in the engine. */

import { DUCKDB } from '../../schemas/ddl.js'
import { AUDIT_CONFLICTS, FILLED_FIELDS, NAME_FIELDS } from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { EXTRA_FUNCTIONS } from '../../src/transform/extras.js'
import { COMPARED, mergeRule } from './merge.js'

const text = (extra: string): string => `CAST(${extra} AS VARCHAR)`
const both = (name: string) => (kept: string, other: string) => `${name}(${text(kept)}, ${text(other)})`

export const RULE = mergeRule({
  quote: DUCKDB.quote,
  literal: (value) => `'${value}'`,
  concat: (...texts) => `concat(${texts.join(', ')})`,
  newline: 'chr(10)',
  part: (value, delimiter, n) => `split_part(${value}, ${delimiter}, ${n})`,
  sha256: (value) => `sha256(${value})`,
  differ: (one, other) => `${one} <> ${other}`,
  extra: {
    differ: (kept, other) => `${text(kept)} <> ${text(other)}`,
    grows: both(EXTRA_FUNCTIONS.grows),
    contradicts: both(EXTRA_FUNCTIONS.contradicts),
    merged: (kept, other) => `CAST(${both(EXTRA_FUNCTIONS.merged)(kept, other)} AS ${DUCKDB.types.json})`,
    text,
  },
})

export const KEY = 't."timestamp" = e."timestamp" AND t.content_hash = e.content_hash'

/** The columns a merge changes, each with its value. */
export const CHANGED = Object.entries(RULE.values)

const quotedNames = NAME_FIELDS.map(DUCKDB.quote).join(', ')

/** The batch's contradicting readings, with the columns that the rule reads. */
export const readingsAsEvents = ({ readings }: Batch): string => `(
  SELECT "timestamp", content_hash, ${FILLED_FIELDS.map(DUCKDB.quote).join(', ')}, document AS source_document,
    CASE WHEN coalesce(${quotedNames}) IS NOT NULL THEN replace(document, chr(10), '\\n') END AS names_document
  FROM ${readings.relation})`

/** The rows of one side as structs, so that a pair is one row. */
const packed = (row: 't' | 'e'): string =>
  `{${COMPARED.map((name) => `${quotedString(name)}: ${row}.${DUCKDB.quote(name)}`).join(', ')}} AS ${row}`

/**
 * SELECTs the conflicts of pairs as rows of audit_conflicts. Finds the conflicting pairs once: the rule reads its pairs once for each
 * column, and would otherwise join the whole batch each time.
 */
export function conflictsOfLoad({ loadId }: Batch, pairs: string): string {
  const found = `
    WITH conflicting AS MATERIALIZED (SELECT ${packed('t')}, ${packed('e')} FROM ${pairs} WHERE ${RULE.conflicts})
    ${RULE.conflictRows('conflicting')}`
  const provenance = `'${loadId}' AS load_id, now() AS loaded_at`
  const columns = AUDIT_CONFLICTS.columns.map(({ name }) => DUCKDB.quote(name)).join(', ')
  return `SELECT ${columns} FROM (SELECT *, ${provenance} FROM (${found}))`
}

/**
 * SELECTs each conflict once, from rows of audit_conflicts that also have a column `look`. A sink that compares a batch part by
 * part looks at each conflict twice: against the existing rows and against the merged ones. The events of the parts are added
 * up; of the two looks the larger number counts.
 */
export const gatheredConflicts = (found: string): string => `
  SELECT * EXCLUDE (look, of_look) REPLACE (max(of_look) OVER (PARTITION BY conflict_id) AS events)
  FROM (SELECT *, CAST(sum(events) OVER (PARTITION BY conflict_id, look) AS BIGINT) AS of_look FROM ${found})
  QUALIFY row_number() OVER (PARTITION BY conflict_id ORDER BY look, "timestamp", content_hash) = 1`

/** SELECTs from `found` what `known` lacks, and whole rows of known conflicts with fewer events: the larger number stays. */
export function newConflicts(found: string, known: string): string {
  const columns = AUDIT_CONFLICTS.columns.map(({ name }) => {
    const column = DUCKDB.quote(name)
    return `${name === 'events' ? 'e.events' : `CASE WHEN t.conflict_id IS NULL THEN e.${column} ELSE t.${column} END`} AS ${column}`
  })
  return `
    SELECT ${columns.join(', ')} FROM (${found}) e LEFT JOIN (${known}) t ON t.conflict_id = e.conflict_id
    WHERE t.conflict_id IS NULL OR t.events < e.events`
}
