/** Connections of our own, apart from the run's engine, and what all connections need. */

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { interrupted } from '../errors.js'
import { removeScratch, scratchFolder } from '../scratch.js'
import { openInMemory } from './instance.js'

export interface OwnConnection {
  readonly connection: DuckDBConnection
  /** For its files; removed when it is closed. */
  readonly folder: string
  close(): void
}

/** In memory, in UTC; whoever opens it calls `close`. */
export async function openConnection(): Promise<OwnConnection> {
  // DuckDB would spill into the working folder, which may be another user's.
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

/**
 * Stops the connection's running statement when the signal is aborted while `work` goes on.
 *
 * @throws AuditError `interrupted` when the signal was aborted; otherwise what `work` threw
 */
export async function interruptible<T>(
  connection: Pick<DuckDBConnection, 'interrupt'>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw interrupted()
  const stop = (): void => connection.interrupt()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await work()
  } catch (error) {
    throw signal.aborted ? interrupted() : error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
