/** The staging table: a whole batch in one Parquet file and one load job; `kind` tells its rows apart. */

import type { TableField } from '@google-cloud/bigquery'
import { BIGQUERY, DUCKDB } from '../../schemas/ddl.js'
import {
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  type Column,
  FILLED_FIELDS,
  type Table,
} from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { readingsAsEvents } from '../shared/duckdb-merge.js'

export type Kind = 'event' | 'reading' | 'reject' | 'piece' | 'receipt'

/** Columns of the same name mean the same in these tables, so they share one staging column. */
const COLUMNS = new Map(
  [AUDIT_EVENTS, AUDIT_REJECTS, AUDIT_REJECT_PIECES, AUDIT_DOCUMENTS].flatMap(({ columns }) =>
    columns.map(({ name, type }) => [name, type]),
  ),
)

/** Parquet cannot be loaded into JSON: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet */
export const STAGING_FIELDS: readonly TableField[] = [
  { name: 'kind', type: 'STRING' },
  ...[...COLUMNS].map(([name, type]) => ({ name, type: type === 'json' ? 'STRING' : BIGQUERY.types[type] })),
  { name: 'occurrences', type: 'INT64' },
  { name: 'fills', type: 'INT64' },
]

/** Longer rows are written apart. Shorter ones, pieces of rejects among them, cannot make a page too large. */
const LONG_BYTES = 15_000
/** How many bytes of long rows are read together. */
const TOGETHER_BYTES = 16 << 20

/**
 * Writes a batch as a file for a load job. Google documents a limit of 50 MB per row, and pages of 50 to 100 MB have failed in the
 * field: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#input_file_requirements
 *
 * @throws AuditError without any value of a record
 */
export async function writeStaged(who: string, batch: Batch, path: string): Promise<void> {
  await writeParquet(who, batch.engine, await stagedRows(who, batch), path, 'zstd', 'bounded')
}

/** A SELECT, in the engine's SQL, of the rows of the staging table. */
async function stagedRows(who: string, batch: Batch): Promise<string> {
  const { events, rejects, pieces, receipts } = batch
  const counts = 'CAST(occurrences AS BIGINT) AS occurrences, CAST(fills AS BIGINT) AS fills'
  const [eventParts, readingParts] = [
    await partsOf(who, batch, events.relation, AUDIT_EVENTS.columns),
    batch.readings.rows === 0 ? [] : await partsOf(who, batch, readingsAsEvents(batch), READ),
  ]
  return [
    ...eventParts.map((part) => `SELECT ${kind('event')}, ${columns(AUDIT_EVENTS)}, ${counts} FROM ${part}`),
    ...readingParts.map((part) => `SELECT ${kind('reading')}, * REPLACE (${EXTRA} AS extra) FROM ${part}`),
    `SELECT ${kind('reject')}, ${columns(AUDIT_REJECTS)} FROM ${rejects.relation}`,
    `SELECT ${kind('piece')}, ${columns(AUDIT_REJECT_PIECES)} FROM ${pieces.relation}`,
    `SELECT ${kind('receipt')}, ${columns(AUDIT_DOCUMENTS)} FROM ${receipts.relation}`,
  ].join('\nUNION ALL BY NAME ')
}

/** The columns of a reading. */
const READ = AUDIT_EVENTS.columns.filter(({ name }) => FILLED_FIELDS.includes(name) || name === 'content_hash')

/**
 * Splits a relation into parts to read in turn: first its short rows, then a few long rows at a time. DuckDB ends a row group only
 * after a vector of 2,048 rows, so long rows read together would become one huge page.
 */
async function partsOf(
  who: string,
  { engine }: Batch,
  relation: string,
  columns: readonly Column[],
): Promise<readonly string[]> {
  const texts = columns.filter(({ type }) => type === 'text' || type === 'json')
  const bytes = texts.map(({ name }) => `coalesce(strlen(CAST(${DUCKDB.quote(name)} AS VARCHAR)), 0)`).join(' + ')
  const isLong = `${bytes} > ${LONG_BYTES}`
  try {
    const spans = await engine.runAndReadAll(`
      SELECT min(content_hash), max(content_hash)
      FROM (
        SELECT content_hash, sum(${bytes}) OVER (ORDER BY content_hash) // ${TOGETHER_BYTES} AS part
        FROM ${relation} WHERE ${isLong}
      ) GROUP BY part ORDER BY part`)
    const long = spans
      .getRows()
      .map(([first, last]) => `(FROM ${relation} WHERE ${isLong} AND content_hash BETWEEN '${first}' AND '${last}')`)
    return long.length === 0 ? [relation] : [`(FROM ${relation} WHERE NOT (${isLong}))`, ...long]
  } catch (error) {
    throw duckdbError(who, error)
  }
}

const kind = (value: Kind): string => `'${value}' AS kind`

const columns = (table: Table): string =>
  table.columns.map(({ name }) => (name === 'extra' ? `${EXTRA} AS extra` : DUCKDB.quote(name))).join(', ')

/** A string, a number, or anything between them. */
const TOKEN = `'"(?:[^"\\\\]|\\\\.)*"|[-0-9][-+.0-9eE]*|[^-"0-9]+'`
const INTEGER = `'-?(?:0|[1-9][0-9]{0,19})'`
const DECIMAL = `'-?(?:0|[1-9][0-9]*)[.][0-9]*[1-9]'`

/**
 * JSON whose numbers BigQuery returns digit for digit. It stores numbers as INT64, UINT64 or FLOAT64, so a number that these would
 * change (more digits, `1.10`, `1e3`, `-0`) becomes a string. docs/decisions/bigquery-extra.md
 */
export function exactJson(json: string): string {
  const integer = `regexp_full_match(token, ${INTEGER}) AND token <> '-0'
        AND try_cast(token AS HUGEINT) BETWEEN -9223372036854775808 AND 18446744073709551615`
  const decimal = `regexp_full_match(token, ${DECIMAL})
        AND strlen(replace(replace(token, '-', ''), '.', '')) <= 15 AND NOT regexp_matches(token, '^-?0[.]0000')`
  return `CASE WHEN ${json} IS NULL OR NOT regexp_matches(${json}, '[0-9]') THEN ${json}
    ELSE array_to_string(list_transform(regexp_extract_all(${json}, ${TOKEN}), lambda token:
      CASE WHEN NOT regexp_matches(token, '^[-0-9]') OR ${integer} OR ${decimal} THEN token
        ELSE concat('"', token, '"') END), '') END`
}

const EXTRA = exactJson('CAST(extra AS VARCHAR)')

/** A relation with the events of another one as they are in `audit_events`. */
export const keptEvents = (events: string): string => `(SELECT * REPLACE (${EXTRA} AS extra) FROM ${events})`
