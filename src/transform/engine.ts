/** The embedded DuckDB that reads, types and hashes, kept within its limits. */

import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api'
import { duckdbError } from '../duckdb/errors.js'
import { openInMemory } from '../duckdb/instance.js'
import { registerExtraFunctions } from './extras.js'

/** Leaves room for what DuckDB does not account for: parse buffers, JavaScript, and memory that the allocator keeps. */
const SHARE_OF_MEMORY = 0.7
const LEAST_MEMORY_BYTES = 128 * 1024 * 1024

export interface EngineOptions {
  /** Memory for the whole process, in bytes; the engine gets its share. */
  readonly memoryBytes: number
  /** The run's own folder. The engine spills into a subfolder, up to half of the free disk. */
  readonly folder: string
}

interface Opened {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
}

const memoryLimitOf = ({ memoryBytes }: EngineOptions): number =>
  Math.max(LEAST_MEMORY_BYTES, Math.floor(memoryBytes * SHARE_OF_MEMORY))

async function open(options: EngineOptions): Promise<Opened> {
  const { folder } = options
  const spill = join(folder, 'spill')
  await mkdir(spill, { mode: 0o700, recursive: true })
  const disk = await statfs(spill)
  const instance = await openInMemory({
    memory_limit: `${memoryLimitOf(options)}B`,
    temp_directory: spill,
    max_temp_directory_size: `${Math.floor((disk.bavail * disk.bsize) / 2)}B`,
  })
  const connection = await connectTo(instance)
  registerExtraFunctions(connection)
  return { instance, connection }
}

async function connectTo(instance: DuckDBInstance): Promise<DuckDBConnection> {
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  return connection
}

export class Engine {
  private opened: Opened
  private readonly options: EngineOptions

  private constructor(opened: Opened, options: EngineOptions) {
    this.opened = opened
    this.options = options
  }

  static async start(options: EngineOptions): Promise<Engine> {
    return new Engine(await open(options), options)
  }

  /** What the engine may use of `memoryBytes`, in bytes. */
  get memoryLimit(): number {
    return memoryLimitOf(this.options)
  }

  get connection(): DuckDBConnection {
    return this.opened.connection
  }

  /** Opens a further connection, which the caller closes. It finds the tables, views and functions of the first one. */
  connect(): Promise<DuckDBConnection> {
    return connectTo(this.opened.instance)
  }

  /** Starts over with an empty database: after some internal errors DuckDB refuses every further statement. */
  async restart(): Promise<void> {
    this.close()
    this.opened = await open(this.options)
  }

  /** @throws AuditError without any value of a record */
  async run(sql: string): Promise<void> {
    await this.guarded(() => this.connection.run(sql))
  }

  /** Reads all rows; meant for small results. */
  async rows(sql: string): Promise<Record<string, DuckDBValue>[]> {
    return this.guarded(async () => (await this.connection.runAndReadAll(sql)).getRowObjects())
  }

  /** The single number that a statement returns. */
  async number(sql: string): Promise<number> {
    const [row] = await this.rows(sql)
    return Number(Object.values(row ?? {})[0] ?? 0)
  }

  close(): void {
    this.opened.connection.closeSync()
    this.opened.instance.closeSync()
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw duckdbError('the engine', error)
    }
  }
}
