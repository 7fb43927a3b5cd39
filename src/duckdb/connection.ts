/** Connections to databases of our own, apart from the run's engine, and what all connections need. */

import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
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
  const own = await openDatabase()
  const connection = await connectTo(own)
  const close = (): void => {
    connection.closeSync()
    own.close()
  }
  return { connection, folder: own.folder, close }
}

interface Database {
  readonly instance: DuckDBInstance
  readonly folder: string
  close(): void
}

async function openDatabase(options: Readonly<Record<string, string>> = {}): Promise<Database> {
  // By default DuckDB would spill into the working folder, which may belong to another user.
  const folder = await scratchFolder()
  const instance = await openInMemory({ temp_directory: join(folder, 'spill'), ...options })
  const close = (): void => {
    instance.closeSync()
    removeScratch(folder)
  }
  return { instance, folder, close }
}

async function connectTo({ instance }: Database): Promise<DuckDBConnection> {
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  return connection
}

/** The database of the last `withConnection`, kept for the next: opening one takes 10 ms of CPU time, and a load asks five times. */
let idle: Database | null = null

/**
 * Calls `work` with a connection of its own to a database in UTC that nobody else uses meanwhile. `work` leaves nothing behind:
 * it detaches what it attaches, and its tables are temporary.
 */
export async function withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  // A file may be replaced between two uses, and must not be answered from memory then.
  const own = idle ?? (await openDatabase({ enable_external_file_cache: 'false' }))
  idle = null
  let result: T
  try {
    const connection = await connectTo(own)
    try {
      result = await work(connection)
    } finally {
      connection.closeSync()
    }
  } catch (error) {
    // After some internal errors DuckDB refuses every further statement.
    own.close()
    throw error
  }
  if (idle === null) idle = own
  else own.close()
  return result
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
