/** What each warehouse calls the types of our columns, and the DDL that follows from it. */

// The module alone: the whole client would load DuckDB itself.
import { quotedIdentifier } from '@duckdb/node-api/lib/sql.js'
import { type Column, type FieldType, RECORD_FIELDS, type Table } from './tables.js'

type Types = Readonly<Record<FieldType, string>>

interface Dialect {
  readonly types: Types
  /** A text's type where its column says more than `types`: how long it may get. */
  textType?(column: string): string
  quote(identifier: string): string
  /** How a table is laid out: what follows its columns. */
  layout?(table: Table): string
}

/** https://duckdb.org/docs/stable/sql/dialect/keywords_and_identifiers */
export const DUCKDB: Dialect = {
  types: {
    text: 'VARCHAR',
    integer: 'INTEGER',
    bigint: 'BIGINT',
    boolean: 'BOOLEAN',
    timestamp: 'TIMESTAMPTZ',
    json: 'JSON',
  },
  quote: quotedIdentifier,
}

/**
 * `"…"` is a text there. Types of the REST API and of SQL alike.
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#quoted_identifiers
 */
export const BIGQUERY: Dialect = {
  types: {
    text: 'STRING',
    integer: 'INT64',
    bigint: 'INT64',
    boolean: 'BOOL',
    timestamp: 'TIMESTAMP',
    json: 'JSON',
  },
  quote: (identifier) => `\`${identifier.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``,
}

const BYTES: readonly (readonly [number, readonly string[]])[] = [
  // SHA-256 in hex, ids and words of our own.
  [
    64,
    [
      'content_hash',
      'reject_id',
      'conflict_id',
      'sha256',
      'id',
      'load_id',
      'reason',
      'column_name',
      'privacy_id',
      'kind',
      'finding_key',
      'detection',
      'severity',
    ],
  ],
  [256, ['loader_version', 'object', 'verb', 'category']],
  // The longest path of a file has 4,096 bytes, the longest key of an object 1,024.
  [8192, ['source', 'document', 'source_document', 'kept_document', 'other_document', 'document_version']],
  [4096, [...RECORD_FIELDS, 'definition']],
]
/** The longest VARCHAR. */
const MOST_BYTES = 65_535

/**
 * How many bytes a column of texts has in Redshift. A query's memory is set aside by the types' lengths.
 * https://docs.aws.amazon.com/redshift/latest/dg/c_best-practices-smallest-column-size.html
 */
export const redshiftBytes = (column: string): number =>
  BYTES.find(([, columns]) => columns.includes(column))?.[0] ?? MOST_BYTES

/**
 * Analysts ask by time, so the tables are sorted by it where they have one; how rows are spread and encoded is left to Redshift:
 * a table of whose columns none names an encoding is ENCODE AUTO.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
 */
export const REDSHIFT: Dialect = {
  types: {
    text: `VARCHAR(${MOST_BYTES})`,
    integer: 'INTEGER',
    bigint: 'BIGINT',
    boolean: 'BOOLEAN',
    timestamp: 'TIMESTAMPTZ',
    json: 'SUPER',
  },
  textType: (column) => `VARCHAR(${redshiftBytes(column)})`,
  quote: quotedIdentifier,
  layout: ({ key }) => `DISTSTYLE AUTO${key[0] === 'timestamp' ? ' SORTKEY ("timestamp")' : ''}`,
}

/** The type of a column in a dialect. */
export const typeOf = (
  { name, type }: Pick<Column, 'name' | 'type'>,
  dialect: Pick<Dialect, 'types' | 'textType'>,
): string => (type === 'text' ? dialect.textType?.(name) : undefined) ?? dialect.types[type]

/** Type names by warehouse, in the order of the data dictionary. */
export const WAREHOUSE_TYPES: Readonly<Record<string, Pick<Dialect, 'types' | 'textType'>>> = {
  DuckDB: DUCKDB,
  BigQuery: BIGQUERY,
  Redshift: REDSHIFT,
  // What the SQL analytics endpoint shows of a mirrored table. No nvarchar and no datetimeoffset there; instants are in UTC.
  // https://learn.microsoft.com/fabric/data-warehouse/limitations: varchar(8000), cutting off, in tables made before 10 November 2025
  Fabric: {
    types: {
      text: 'varchar(max)',
      integer: 'int',
      bigint: 'bigint',
      boolean: 'bit',
      timestamp: 'datetime2(6)',
      json: 'varchar(max)',
    },
  },
  Parquet: {
    types: {
      text: 'STRING',
      integer: 'INT32',
      bigint: 'INT64',
      boolean: 'BOOLEAN',
      timestamp: 'TIMESTAMP(µs, UTC)',
      json: 'STRING',
    },
  },
}

/**
 * CREATE TABLE IF NOT EXISTS, ending in a semicolon. Keys are not declared: the loads keep them, and a primary key
 * makes a merge many times slower.
 *
 * @param name the table's name as it stands in the statement, where it is not the table's own, quoted
 */
export function createTable(table: Table, dialect: Dialect, name = dialect.quote(table.name)): string {
  const columns = table.columns.map(
    (column) => `  ${dialect.quote(column.name)} ${typeOf(column, dialect)}${column.required ? ' NOT NULL' : ''}`,
  )
  const layout = dialect.layout === undefined ? '' : ` ${dialect.layout(table)}`
  return `CREATE TABLE IF NOT EXISTS ${name} (\n${columns.join(',\n')}\n)${layout};`
}
