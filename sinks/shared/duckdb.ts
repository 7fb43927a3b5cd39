/** What the sinks share that are asked in DuckDB's SQL. */

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { AuditError } from '../../src/errors.js'
import type { SqlForms } from './questions.js'

export const DUCKDB_SQL: SqlForms = {
  table: DUCKDB.quote,
  column: DUCKDB.quote,
  utcDay: (instant) => `CAST(${instant} AT TIME ZONE 'UTC' AS DATE)`,
  keys: (events, json) =>
    `SELECT "timestamp", unnest(json_keys(${json})) AS key FROM ${events} WHERE ${json} IS NOT NULL`,
}

/** What a statement of `query` that is no question meets in a database attached for reading. */
export const isRefusedChange = (error: unknown): boolean => /read-only mode/.test(String(error))

export const changing = (id: string): AuditError =>
  new AuditError(`${id}: the statement would change something, and queries cannot`, {
    advice: 'What is loaded stays as it is; to work with a copy, write one with --format parquet.',
  })

/** In memory, in UTC, apart from the run's engine; whoever opens it calls `close`. */
export async function openConnection(): Promise<{ connection: DuckDBConnection; close: () => void }> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const close = (): void => {
    connection.closeSync()
    instance.closeSync()
  }
  await connection.run("SET TimeZone = 'UTC'")
  return { connection, close }
}

export async function withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const { connection, close } = await openConnection()
  try {
    return await work(connection)
  } finally {
    close()
  }
}
