/** The staging table: all of a batch in one Parquet file and one load job, told apart by `kind`. */

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

/** A column's name means the same in each of these tables, so they share it. */
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

/** Rows of no more bytes stand in no page that is too large; a piece of a reject has no more. */
const LONG_BYTES = 15_000
/** Of long rows together. */
const TOGETHER_BYTES = 16 << 20

/**
 * Writes a batch as a file for a load job. Google documents rows of no more than 50 MB, and pages of 50 to 100 MB failed for
 * others: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#input_file_requirements
 *
 * @throws AuditError without any value of a record
 */
export async function writeStaged(who: string, batch: Batch, path: string): Promise<void> {
  await writeParquet(who, batch.engine, await stagedRows(who, batch), path, 'zstd', 'bounded')
}

/** SELECTs, in the engine's SQL, the rows of the staging table. */
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

/** The texts of a reading. */
const READ = AUDIT_EVENTS.columns.filter(({ name }) => FILLED_FIELDS.includes(name) || name === 'content_hash')

/**
 * What to read of a relation one after the other: the rows that are not long, then the long ones, some at a time. A row group
 * ends no sooner than a vector of the engine, so that 2,048 rows of 64 kB would be one page.
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

/** A text, a number, or all that stands between. */
const TOKEN = `'"(?:[^"\\\\]|\\\\.)*"|[-0-9][-+.0-9eE]*|[^-"0-9]+'`
const INTEGER = `'-?(?:0|[1-9][0-9]{0,19})'`
const DECIMAL = `'-?(?:0|[1-9][0-9]*)[.][0-9]*[1-9]'`

/**
 * JSON whose numbers BigQuery gives back digit for digit: it holds a number as INT64, UINT64 or FLOAT64, so one that would
 * come back otherwise (more digits, `1.10`, `1e3`, `-0`) stands there as a text. docs/decisions/bigquery-extra.md
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
