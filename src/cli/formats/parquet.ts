import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'
import type { ColumnType, QueryResult } from '../../contract.js'
import { duckdbError } from '../../duckdb/errors.js'
import { AuditError } from '../../errors.js'
import { scratchFolder } from '../../scratch.js'
import { type BinaryValue, batches, binaryValue } from './values.js'

/** DuckDB's vector size: the most rows a data chunk holds. */
const CHUNK_ROWS = 2048

const TYPES: Record<ColumnType, string> = {
  text: 'VARCHAR',
  boolean: 'BOOLEAN',
  integer: 'BIGINT',
  double: 'DOUBLE',
  timestamp: 'TIMESTAMPTZ',
  date: 'DATE',
  // As in the lake: Polars reads columns marked as JSON as bytes, and pyarrow has no functions for them.
  json: 'VARCHAR',
}

/** One Parquet file, zstd. It is written to a private temporary folder first, because its footer comes last. */
export async function* parquet(result: QueryResult): AsyncIterable<Uint8Array> {
  if (result.columns.length === 0) {
    throw new AuditError('cannot write the result as parquet: it has no columns', {
      advice: 'Query at least one column.',
    })
  }
  const folder = await scratchFolder()
  try {
    const file = join(folder, 'result.parquet')
    await (await open(file, 'wx', 0o600)).close()
    await save(result, file, folder)
    for await (const chunk of createReadStream(file)) yield chunk
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function save({ columns, rows }: QueryResult, file: string, folder: string): Promise<void> {
  const duckdb = await import('@duckdb/node-api')
  const types: Record<ColumnType, DuckDBType> = {
    text: duckdb.VARCHAR,
    boolean: duckdb.BOOLEAN,
    integer: duckdb.BIGINT,
    double: duckdb.DOUBLE,
    timestamp: duckdb.TIMESTAMPTZ,
    date: duckdb.DATE,
    json: duckdb.VARCHAR,
  }
  const wrap = (value: BinaryValue | null, type: ColumnType): DuckDBValue => {
    if (type === 'timestamp' && typeof value === 'bigint') return new duckdb.DuckDBTimestampTZValue(value)
    if (type === 'date' && typeof value === 'number') return new duckdb.DuckDBDateValue(value)
    return value
  }

  const { openInMemory } = await import('../../duckdb/instance.js')
  const instance = await openInMemory({ memory_limit: '1GB', temp_directory: folder })
  try {
    const connection = await instance.connect()
    const declared = columns.map(({ name, type }) => `${duckdb.quotedIdentifier(name)} ${TYPES[type]}`)
    await connection.run(`CREATE TABLE result (${declared.join(', ')})`)
    const appender = await connection.createAppender('result')
    for await (const batch of batches(rows, CHUNK_ROWS)) {
      const chunk = duckdb.DuckDBDataChunk.create(columns.map(({ type }) => types[type]))
      chunk.setColumns(
        columns.map((column, i) => batch.map((row) => wrap(binaryValue(column, row[i] ?? null), column.type))),
      )
      appender.appendDataChunk(chunk)
    }
    appender.closeSync()
    // Without USE_TMP_FILE, which would create another file and rename it, the file keeps the mode given above.
    await connection
      .run(`COPY result TO ${duckdb.quotedString(file)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`)
      .catch((error: unknown) => {
        throw duckdbError('writing the Parquet file', error)
      })
    connection.closeSync()
  } finally {
    instance.closeSync()
  }
}
