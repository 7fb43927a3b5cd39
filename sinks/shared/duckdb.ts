/** What the sinks share that are asked in DuckDB's SQL. */

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { openInMemory } from '../../src/duckdb/instance.js'
import { removeScratch, scratchFolder } from '../../src/scratch.js'
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
  const instance = await openInMemory({ temp_directory: join(folder, 'spill') })
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
