/** What the sinks share that are asked in DuckDB's SQL. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { openInMemory } from '../../src/duckdb/instance.js'
import type { SqlForms } from './questions.js'

export const DUCKDB_SQL: SqlForms = {
  table: DUCKDB.quote,
  column: DUCKDB.quote,
  utcDay: (instant) => `CAST(${instant} AT TIME ZONE 'UTC' AS DATE)`,
  keys: (events, json) =>
    `SELECT "timestamp", unnest(json_keys(${json})) AS key FROM ${events} WHERE ${json} IS NOT NULL`,
}

/** For paths and names of ours; values of records never stand in SQL. */
export const textLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * In memory, in UTC, apart from the run's engine; whoever opens it calls `close`.
 *
 * @param options DuckDB's settings
 */
export async function openConnection(
  options: Readonly<Record<string, string>> = {},
): Promise<{ connection: DuckDBConnection; close: () => void }> {
  const instance = await openInMemory(options)
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
