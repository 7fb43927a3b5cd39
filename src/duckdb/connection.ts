/** Connections to databases of our own, apart from the run's engine, and what all connections need. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { interrupted } from '../errors.js'
import { removeScratch, scratchFolder } from '../scratch.js'
import { openInMemory } from './instance.js'
import { quotedString } from './quoting.js'

export interface OwnConnection {
  readonly connection: DuckDBConnection
  /** A folder for the caller's files; removed on close. */
  readonly folder: string
  close(): void
}

/** Opens an in-memory database in UTC; the caller closes it. */
export async function openConnection(): Promise<OwnConnection> {
  const instance = await openInMemory()
  try {
    const { connection, folder, close } = await connectTo(instance)
    return {
      connection,
      folder,
      close() {
        connection.closeSync()
        instance.closeSync()
        close()
      },
    }
  } catch (error) {
    instance.closeSync()
    throw error
  }
}

/** The database of the last `withConnection`, kept for the next: opening one takes 10 ms of CPU time, and a load asks up to five times. */
let idle: DuckDBInstance | null = null

/**
 * Calls `work` with a connection of its own to a database in UTC that nobody else uses meanwhile. `work` leaves nothing behind:
 * it detaches what it attaches, its tables are temporary, and it resets what it sets.
 */
export async function withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const kept = idle
  idle = null
  const instance = kept ?? (await openInMemory())
  let isClean = false
  try {
    const { connection, spill, close } = await connectTo(instance)
    try {
      const result = await work(connection)
      // Once it has spilled, it cannot have another folder.
      isClean = !existsSync(spill)
      return result
    } finally {
      connection.closeSync()
      close()
    }
  } finally {
    // After some internal errors DuckDB refuses every further statement.
    if (isClean && idle === null) idle = instance
    else instance.closeSync()
  }
}

/** Connects to a database that nobody uses, and gives it a folder. */
async function connectTo(instance: DuckDBInstance) {
  // By default DuckDB would spill into the working folder, which may belong to another user.
  const folder = await scratchFolder()
  const spill = join(folder, 'spill')
  try {
    const connection = await instance.connect()
    await connection.run(`SET TimeZone = 'UTC'; SET temp_directory = ${quotedString(spill)}`)
    return { connection, folder, spill, close: () => removeScratch(folder) }
  } catch (error) {
    removeScratch(folder)
    throw error
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
