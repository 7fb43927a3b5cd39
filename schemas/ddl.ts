/** What each warehouse calls the types of our columns, and the DDL that follows from it. */

// The module alone: the whole client would load DuckDB itself.
import { quotedIdentifier } from '@duckdb/node-api/lib/sql.js'
import type { FieldType, Table } from './tables.js'

type Types = Readonly<Record<FieldType, string>>

interface Dialect {
  readonly types: Types
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

/**
 * Analysts ask by time, so the tables are sorted by it where they have one; how rows are spread is left to Redshift.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
 */
export const REDSHIFT: Dialect = {
  types: {
    text: 'VARCHAR(65535)',
    integer: 'INTEGER',
    bigint: 'BIGINT',
    boolean: 'BOOLEAN',
    timestamp: 'TIMESTAMPTZ',
    json: 'SUPER',
  },
  quote: quotedIdentifier,
  layout: ({ key }) => `DISTSTYLE AUTO${key[0] === 'timestamp' ? ' SORTKEY ("timestamp")' : ''}`,
}

/** Type names by warehouse, in the order of the data dictionary. */
export const WAREHOUSE_TYPES: Readonly<Record<string, Types>> = {
  DuckDB: DUCKDB.types,
  BigQuery: BIGQUERY.types,
  Redshift: REDSHIFT.types,
  // What the SQL analytics endpoint shows of a mirrored table. No nvarchar and no datetimeoffset there; instants are in UTC.
  // https://learn.microsoft.com/fabric/data-warehouse/limitations: varchar(8000), cutting off, in tables made before 10 November 2025
  Fabric: {
    text: 'varchar(max)',
    integer: 'int',
    bigint: 'bigint',
    boolean: 'bit',
    timestamp: 'datetime2(6)',
    json: 'varchar(max)',
  },
  Parquet: {
    text: 'STRING',
    integer: 'INT32',
    bigint: 'INT64',
    boolean: 'BOOLEAN',
    timestamp: 'TIMESTAMP(µs, UTC)',
    json: 'STRING',
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
    ({ name, type, required }) => `  ${dialect.quote(name)} ${dialect.types[type]}${required ? ' NOT NULL' : ''}`,
  )
  const layout = dialect.layout === undefined ? '' : ` ${dialect.layout(table)}`
  return `CREATE TABLE IF NOT EXISTS ${name} (\n${columns.join(',\n')}\n)${layout};`
}
