/** What each warehouse calls the types of our columns, and the DDL that follows from it. */

import type { FieldType, Table } from './tables.js'

type Types = Readonly<Record<FieldType, string>>

interface Dialect {
  readonly types: Types
  quote(identifier: string): string
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
  quote: (identifier) => `"${identifier.replaceAll('"', '""')}"`,
}

/** Type names by warehouse, in the order of the data dictionary. */
export const WAREHOUSE_TYPES: Readonly<Record<string, Types>> = {
  DuckDB: DUCKDB.types,
  BigQuery: {
    text: 'STRING',
    integer: 'INT64',
    bigint: 'INT64',
    boolean: 'BOOL',
    timestamp: 'TIMESTAMP',
    json: 'JSON',
  },
  Redshift: {
    text: 'VARCHAR(65535)',
    integer: 'INTEGER',
    bigint: 'BIGINT',
    boolean: 'BOOLEAN',
    timestamp: 'TIMESTAMPTZ',
    json: 'SUPER',
  },
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
 */
export function createTable(table: Table, dialect: Dialect): string {
  const columns = table.columns.map(
    ({ name, type, required }) => `  ${dialect.quote(name)} ${dialect.types[type]}${required ? ' NOT NULL' : ''}`,
  )
  return `CREATE TABLE IF NOT EXISTS ${dialect.quote(table.name)} (\n${columns.join(',\n')}\n);`
}
