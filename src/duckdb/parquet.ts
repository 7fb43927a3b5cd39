/** Parquet files that the engine writes for a warehouse to read. */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { tidied } from '../cleanup.js'
import { duckdbError } from './errors.js'
import { quotedString } from './quoting.js'

/** Rows per row group, the unit in which readers work in parallel and skip data. */
const ROW_GROUP_ROWS = 122_880
/** For files in which loads look for keys: a row group is read whole, and ten minutes of a day are in one or two. */
const SMALL_ROW_GROUP_ROWS = 32_768

/**
 * DuckDB writes pages of up to 100 MB, and ends a row group only between vectors of 2,048 rows. With this bound, a file whose
 * rows have at most 15,000 bytes has no page above 50 MB. DuckDB applies it only if it need not preserve the order of rows.
 */
const ROW_GROUP_BYTES = 16 << 20

const COMPRESSIONS = {
  // The hashes in audit logs do not compress, so the fastest level makes no larger files than the default: 20.2 MB to 20.7.
  zstd: 'COMPRESSION zstd, COMPRESSION_LEVEL 1',
  snappy: 'COMPRESSION snappy',
}

/**
 * Writes the rows of a SELECT to a new compressed file, with statistics, dictionaries, and instants as TIMESTAMP(µs, UTC).
 *
 * @param select SQL for the engine; its columns become the file's, in the same order
 * @param layout `ordered`: rows in the SELECT's order; `bounded`: in any order, with row groups bounded by bytes too
 * @param compression zstd, which all our readers support, or snappy for a warehouse that documents nothing else
 * @returns the number of rows
 * @throws AuditError without any value of a record
 */
export async function writeParquet(
  who: string,
  engine: DuckDBConnection,
  select: string,
  path: string,
  compression: keyof typeof COMPRESSIONS = 'zstd',
  layout: 'ordered' | 'bounded' = 'ordered',
): Promise<number> {
  const copy = async (bounds = ''): Promise<number> => {
    const { rowsChanged } = await engine.run(
      `COPY (${select}) TO ${quotedString(path)}
        (FORMAT parquet, ${COMPRESSIONS[compression]}, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}${bounds})`,
    )
    return rowsChanged
  }
  try {
    if (layout === 'ordered') return await copy()
    await engine.run('SET preserve_insertion_order = false')
    return await tidied(
      () => copy(`, ROW_GROUP_SIZE_BYTES ${ROW_GROUP_BYTES}`),
      () => engine.run('RESET preserve_insertion_order'),
    )
  } catch (error) {
    throw duckdbError(who, error)
  }
}

export interface WrittenFile {
  readonly rows: number
  readonly bytes: number
  /** By column, as text; bounds are missing if the file has none. */
  readonly columns: ReadonlyMap<string, { readonly min?: string; readonly max?: string; readonly nulls?: number }>
}

/** Like `writeParquet`, and returns the statistics of the file. */
export async function writeParquetWithStatistics(
  who: string,
  engine: DuckDBConnection,
  select: string,
  path: string,
): Promise<WrittenFile> {
  try {
    const result = await engine.runAndReadAll(
      `COPY (${select}) TO ${quotedString(path)}
        (FORMAT parquet, ${COMPRESSIONS.zstd}, ROW_GROUP_SIZE ${SMALL_ROW_GROUP_ROWS}, RETURN_STATS)`,
    )
    const [row] = result.getRowObjectsJson()
    const columns = new Map<string, { min?: string; max?: string; nulls?: number }>()
    for (const { key, value } of pairsIn(row?.column_statistics)) {
      const found = new Map(pairsIn(value).map((pair) => [pair.key, String(pair.value)]))
      const [min, max, nulls] = [found.get('min'), found.get('max'), found.get('null_count')]
      columns.set(key.replace(/^"|"$/g, '').replaceAll('""', '"'), {
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
        ...(nulls === undefined ? {} : { nulls: Number(nulls) }),
      })
    }
    return { rows: Number(row?.count), bytes: Number(row?.file_size_bytes), columns }
  } catch (error) {
    throw duckdbError(who, error)
  }
}

/** The key-value pairs of a MAP. */
const pairsIn = (map: unknown): readonly { readonly key: string; readonly value: unknown }[] =>
  Array.isArray(map) ? map : []

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
