/** A result as getQueryResults gives it: https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults */

import { DuckDBDateValue, type DuckDBResultReader, DuckDBTimestampTZValue, type DuckDBValue } from '@duckdb/node-api'
import { notLearnt } from './answers.js'

const TYPES: Readonly<Record<string, string>> = {
  BOOLEAN: 'BOOLEAN',
  INTEGER: 'INTEGER',
  BIGINT: 'INTEGER',
  HUGEINT: 'INTEGER',
  DOUBLE: 'FLOAT',
  DECIMAL: 'FLOAT',
  '"NULL"': 'INTEGER',
  DATE: 'DATE',
  VARCHAR: 'STRING',
  JSON: 'JSON',
  'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
}

export interface Page {
  readonly schema: { readonly fields: { name: string; type: string }[] }
  readonly rows: { f: { v: string | null }[] }[]
  readonly totalRows: string
  readonly pageToken?: string
}

export function pageOf(result: DuckDBResultReader | null, from: number, size: number): Page {
  if (result === null) return { schema: { fields: [] }, rows: [], totalRows: '0' }
  const fields = result.columnNames().map((name, i) => {
    const type = result.columnType(i)
    const word = (type.alias ?? String(type)).replace(/\(.*/, '')
    if (TYPES[word] === undefined) throw notLearnt(`results of type ${word}`)
    return { name, type: TYPES[word] }
  })
  const all = result.getRows()
  const rows = all.slice(from, from + size).map((row) => ({ f: row.map((value) => ({ v: cell(value) })) }))
  const next = from + size < all.length ? { pageToken: String(from + size) } : {}
  return { schema: { fields }, rows, totalRows: String(all.length), ...next }
}

function cell(value: DuckDBValue): string | null {
  if (value === null) return null
  if (value instanceof DuckDBTimestampTZValue) return String(value.micros)
  if (value instanceof DuckDBDateValue) return value.toString()
  return String(value)
}
