/** Parquet files that the engine writes for a warehouse to read. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { duckdbError } from '../../src/duckdb-error.js'

/** Rows a row group: the readers' unit of parallel work and of skipping. */
const ROW_GROUP_ROWS = 122_880
/** Of audit logs, whose hashes do not compress, the quickest level makes files no larger than the default: 20.2 MB to 20.7. */
const ZSTD_LEVEL = 1

/**
 * Writes the rows of a SELECT to a new file: ZSTD, statistics and dictionaries on, instants as TIMESTAMP(µs, UTC).
 *
 * @param select SQL of the engine; its columns, in their order, are the file's
 * @returns the number of rows
 * @throws AuditError without any value of a record
 */
export async function writeParquet(
  who: string,
  engine: DuckDBConnection,
  select: string,
  path: string,
): Promise<number> {
  try {
    const { rowsChanged } = await engine.run(
      `COPY (${select}) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL ${ZSTD_LEVEL}, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
    )
    return rowsChanged
  } catch (error) {
    throw duckdbError(who, error)
  }
}
