/** Parquet files that the engine writes for a warehouse to read. */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { duckdbError } from './errors.js'
import { quotedString } from './quoting.js'

/** Rows a row group: the readers' unit of parallel work and of skipping. */
const ROW_GROUP_ROWS = 122_880

const COMPRESSIONS = {
  // Of audit logs, whose hashes do not compress, the quickest level makes files no larger than the default: 20.2 MB to 20.7.
  zstd: 'COMPRESSION zstd, COMPRESSION_LEVEL 1',
  snappy: 'COMPRESSION snappy',
}

/**
 * Writes the rows of a SELECT to a new file: compressed, statistics and dictionaries on, instants as TIMESTAMP(µs, UTC).
 *
 * @param select SQL of the engine; its columns, in their order, are the file's
 * @param compression zstd, which every reader of ours knows; snappy where a warehouse documents no more than that
 * @returns the number of rows
 * @throws AuditError without any value of a record
 */
export async function writeParquet(
  who: string,
  engine: DuckDBConnection,
  select: string,
  path: string,
  compression: keyof typeof COMPRESSIONS = 'zstd',
): Promise<number> {
  try {
    const { rowsChanged } = await engine.run(
      `COPY (${select}) TO ${quotedString(path)}
        (FORMAT parquet, ${COMPRESSIONS[compression]}, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
    )
    return rowsChanged
  } catch (error) {
    throw duckdbError(who, error)
  }
}

/**
 * The same in Snappy, as several files in a new folder: each is ended with the row group in which it reaches `fileBytes`.
 *
 * @returns the paths; none where there are no rows
 */
export async function writeParquetFiles(
  who: string,
  engine: DuckDBConnection,
  select: string,
  folder: string,
  fileBytes: number,
): Promise<string[]> {
  try {
    const { rowsChanged } = await engine.run(
      `COPY (${select}) TO ${quotedString(folder)}
        (FORMAT parquet, ${COMPRESSIONS.snappy}, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, FILE_SIZE_BYTES ${fileBytes})`,
    )
    return rowsChanged === 0 ? [] : (await readdir(folder)).sort().map((name) => join(folder, name))
  } catch (error) {
    throw duckdbError(who, error)
  }
}
