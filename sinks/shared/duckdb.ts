/** What the sinks share that are asked in DuckDB's SQL. */

import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { AuditError } from '../../src/errors.js'
import { removeScratch, scratchFolder } from '../../src/scratch.js'
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

export interface OwnConnection {
  readonly connection: DuckDBConnection
  /** For its files; removed when it is closed. */
  readonly folder: string
  close(): void
}

/** In memory, in UTC, apart from the run's engine; whoever opens it calls `close`. */
export async function openConnection(): Promise<OwnConnection> {
  // The engine would spill into the working folder, which may be another user's.
  const folder = await scratchFolder()
  const instance = await DuckDBInstance.create(':memory:', { temp_directory: join(folder, 'spill') })
  const connection = await instance.connect()
  const close = (): void => {
    connection.closeSync()
    instance.closeSync()
    removeScratch(folder)
  }
  await connection.run("SET TimeZone = 'UTC'")
  return { connection, folder, close }
}

export async function withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const { connection, close } = await openConnection()
  try {
    return await work(connection)
  } finally {
    close()
  }
}
