/** Converts DuckDB's results to the contract's: plain values, instants as RFC 3339 text. */

import {
  type DuckDBResult,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api'
import type { ColumnType, QueryResult, Value } from '../contract.js'
import { rfc3339 } from '../rfc3339.js'

const TYPES: Readonly<Partial<Record<DuckDBTypeId, ColumnType>>> = {
  [DuckDBTypeId.BOOLEAN]: 'boolean',
  [DuckDBTypeId.TINYINT]: 'integer',
  [DuckDBTypeId.SMALLINT]: 'integer',
  [DuckDBTypeId.INTEGER]: 'integer',
  [DuckDBTypeId.BIGINT]: 'integer',
  [DuckDBTypeId.UTINYINT]: 'integer',
  [DuckDBTypeId.USMALLINT]: 'integer',
  [DuckDBTypeId.UINTEGER]: 'integer',
  [DuckDBTypeId.UBIGINT]: 'integer',
  [DuckDBTypeId.HUGEINT]: 'integer',
  [DuckDBTypeId.FLOAT]: 'double',
  [DuckDBTypeId.DOUBLE]: 'double',
  [DuckDBTypeId.DATE]: 'date',
  [DuckDBTypeId.TIMESTAMP]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'timestamp',
}

export function columnsOf(result: DuckDBResult): QueryResult['columns'] {
  return result.columnNames().map((name, i) => {
    const type = result.columnType(i)
    return { name, type: type.alias === 'JSON' ? 'json' : (TYPES[type.typeId] ?? 'text') }
  })
}

/**
 * @param failure converts what DuckDB throws into one of our errors
 * @param close called after the last row, or when the consumer stops early
 */
export async function* rowsOf(
  failure: (error: unknown) => Error,
  result: DuckDBResult,
  close: () => void,
): AsyncGenerator<readonly Value[]> {
  try {
    for await (const rows of result.yieldRows()) for (const row of rows) yield row.map(plain)
  } catch (error) {
    throw failure(error)
  } finally {
    close()
  }
}

function plain(value: DuckDBValue): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'bigint' || typeof value === 'boolean') return value
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return rfc3339(value.micros)
  return String(value)
}
