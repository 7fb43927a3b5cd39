/** Reads the rows of audit_events in a Parquet file, whoever wrote it. DuckDB's reader is built in. */

import { rm } from 'node:fs/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import { interruptible } from '../duckdb/connection.js'
import { openInMemory } from '../duckdb/instance.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import { AuditError, EXIT, interrupted } from '../errors.js'
import { encryptedParquet, notAnExport } from './not-a-log.js'
import { SpoolFile } from './spool-file.js'
import { bounded } from './unpack.js'

/** Apart from the engine's. A warehouse's row groups take less; what needs more is made to. */
const MEMORY = '256MB'
/** Rows are passed on in chunks of this size. */
const CHUNK_CHARACTERS = 1 << 18

const REQUIRED = AUDIT_EVENTS.columns.filter(({ required }) => required).map(({ name }) => name)
/** When a row was loaded, and by which load, is new each time. */
const WANTED = AUDIT_EVENTS.columns.map(({ name }) => name).filter((name) => name !== 'load_id' && name !== 'loaded_at')
const KNOWN = new Set(AUDIT_EVENTS.columns.map(({ name }) => name))
const PLAIN =
  /^(?:VARCHAR|JSON|(?:U?(?:TINY|SMALL|BIG))?INT(?:EGER)?|UINTEGER|TIMESTAMP(?:_S|_MS|_NS)?(?: WITH TIME ZONE)?)$/

/**
 * @param path for the file, which is removed at the end
 * @throws AuditError when it is damaged, encrypted, needs too much memory, or has other columns
 */
export async function* parquetRows(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    const packed = { bytes: await saved(chunks, path) }
    yield* bounded(inTurn(path, signal), packed)
  } finally {
    await rm(path, { force: true })
  }
}

let last: Promise<void> = Promise.resolve()

/** One file is read at a time, however many land at once, because each takes its memory. */
async function* inTurn(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const before = last
  let end = (): void => {}
  last = new Promise((resolve) => {
    end = resolve
  })
  try {
    await before
    yield* rowsOf(path, signal)
  } finally {
    end()
  }
}

async function* rowsOf(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const instance = await openInMemory({ memory_limit: MEMORY, threads: '1', temp_directory: '' })
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    yield* rowsIn(connection, path, signal)
  } catch (error) {
    throw unreadable(error, signal)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** @returns how many bytes the file has */
async function saved(chunks: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  const file = new SpoolFile(path)
  let bytes = 0
  try {
    file.open()
    for await (const chunk of chunks) {
      bytes += chunk.length
      file.write(chunk)
    }
  } finally {
    file.close()
  }
  return bytes
}

async function* rowsIn(connection: DuckDBConnection, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const file = `read_parquet(${quotedString(path)}, hive_partitioning = false)`
  const described = await interruptible(connection, signal, () => connection.runAndReadAll(`DESCRIBE FROM ${file}`))
  const types = new Map(described.getRows().map(([name, type]) => [String(name), String(type)]))
  const isExport = REQUIRED.every((name) => types.has(name))
  if (!isExport || [...types].some(([name, type]) => !KNOWN.has(name) || !PLAIN.test(type))) throw notAnExport()
  const columns = WANTED.filter((name) => types.has(name)).map((name) => textOf(name, types.get(name) ?? ''))
  // As a text, `extra` keeps its numbers as they are.
  const select = `SELECT CAST(to_json(t) AS VARCHAR) FROM (SELECT ${columns.join(', ')} FROM ${file}) AS t`
  const result = await interruptible(connection, signal, () => connection.stream(select))
  let held = ''
  for (;;) {
    const chunk = await interruptible(connection, signal, () => result.fetchChunk())
    if (chunk === null || chunk.rowCount === 0) break
    const rows = chunk.getColumnVector(0)
    for (let row = 0; row < chunk.rowCount; row++) {
      held += `${rows.getItem(row)}\n`
      if (held.length < CHUNK_CHARACTERS) continue
      yield Buffer.from(held)
      held = ''
    }
  }
  if (held !== '') yield Buffer.from(held)
}

/** An instant without a zone is in UTC, as Redshift unloads it. */
function textOf(name: string, type: string): string {
  const column = quotedIdentifier(name)
  const text = type.startsWith('TIMESTAMP')
    ? `CAST(CAST(${column} AS TIMESTAMP) AS VARCHAR) || '+00'`
    : `CAST(${column} AS VARCHAR)`
  return `${text} AS ${column}`
}

/** DuckDB's own text could hold a value of the file. */
function unreadable(error: unknown, signal: AbortSignal): AuditError {
  if (signal.aborted) return interrupted()
  if (error instanceof AuditError && error.exitCode !== EXIT.interrupted) return error
  const text = error instanceof Error ? error.message : ''
  if (/encrypt/i.test(text)) return encryptedParquet()
  if (text.startsWith('Out of Memory')) {
    return new AuditError(`the Parquet file needs more than ${MEMORY} to be read; none of it was loaded`, {
      advice:
        "Up to 2,048 rows are read at once. Turn it into JSON lines with DuckDB: COPY (FROM 'a.parquet') TO 'a.ndjson'.",
    })
  }
  return new AuditError('the Parquet file is cut short or damaged; none of it was loaded', {
    advice: 'Copy or export it again; the next run loads it.',
  })
}
