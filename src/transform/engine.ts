/** The embedded DuckDB that reads, types and hashes, held within its limits. */

import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api'
import { openInMemory } from '../duckdb/instance.js'
import { duckdbError } from '../duckdb-error.js'
import { interrupted } from '../errors.js'
import { registerExtraFunctions } from './extras.js'

/** What the engine's own accounting leaves out: parse buffers, JavaScript, and what the allocator holds on to. */
const SHARE_OF_MEMORY = 0.7
const LEAST_MEMORY_BYTES = 128 * 1024 * 1024

export interface EngineOptions {
  /** What the whole process may use, in bytes; the engine gets its share. */
  readonly memoryBytes: number
  /** A folder of the run's own; what does not fit in memory is spilled below it, up to half of the free disk. */
  readonly folder: string
}

export class Engine {
  readonly connection: DuckDBConnection
  private readonly instance: DuckDBInstance

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.instance = instance
    this.connection = connection
  }

  static async start({ memoryBytes, folder }: EngineOptions): Promise<Engine> {
    const spill = join(folder, 'spill')
    await mkdir(spill, { mode: 0o700 })
    const disk = await statfs(spill)
    const instance = await openInMemory({
      memory_limit: `${Math.max(LEAST_MEMORY_BYTES, Math.floor(memoryBytes * SHARE_OF_MEMORY))}B`,
      temp_directory: spill,
      max_temp_directory_size: `${Math.floor((disk.bavail * disk.bsize) / 2)}B`,
    })
    const engine = new Engine(instance, await instance.connect())
    await engine.run("SET TimeZone = 'UTC'")
    registerExtraFunctions(engine.connection)
    return engine
  }

  /** @throws AuditError without any value of a record */
  async run(sql: string): Promise<void> {
    await this.guarded(() => this.connection.run(sql))
  }

  /** All rows of a small result. */
  async rows(sql: string): Promise<Record<string, DuckDBValue>[]> {
    return this.guarded(async () => (await this.connection.runAndReadAll(sql)).getRowObjects())
  }

  /** The one number a statement gives. */
  async number(sql: string): Promise<number> {
    const [row] = await this.rows(sql)
    return Number(Object.values(row ?? {})[0] ?? 0)
  }

  /** Stops the running statement when the signal is aborted while `work` goes on. */
  async interruptible<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw interrupted()
    const stop = (): void => this.connection.interrupt()
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await work()
    } catch (error) {
      throw signal.aborted ? interrupted() : error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  close(): void {
    this.connection.closeSync()
    this.instance.closeSync()
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw duckdbError('the engine', error)
    }
  }
}
