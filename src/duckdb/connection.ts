/** Connections to databases of our own, apart from the run's engine, and what all connections need. */

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { interrupted } from '../errors.js'
import { removeScratch, scratchFolder } from '../scratch.js'
import { openInMemory } from './instance.js'

export interface OwnConnection {
  readonly connection: DuckDBConnection
  /** A folder for the caller's files; removed on close. */
  readonly folder: string
  close(): void
}

/** Opens an in-memory database in UTC; the caller closes it. */
export async function openConnection(): Promise<OwnConnection> {
  // By default DuckDB would spill into the working folder, which may belong to another user.
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
 * Interrupts the connection's running statement when the signal is aborted during `work`.
 *
 * @throws AuditError `interrupted` when the signal is aborted; otherwise what `work` threw
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
