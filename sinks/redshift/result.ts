/** Converts results of the Data API to those of the contract: plain values, instants as RFC 3339 text in UTC. */

import type { ColumnMetadata, Field } from '@aws-sdk/client-redshift-data'
import type { ColumnType, QueryResult, Value } from '../../src/contract.js'
import type { Result } from './data-api.js'

const TYPES: Readonly<Record<string, ColumnType>> = {
  bool: 'boolean',
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  oid: 'integer',
  float4: 'double',
  float8: 'double',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamp',
  super: 'json',
}

const typeOf = ({ typeName, scale }: ColumnMetadata): ColumnType => {
  const name = typeName?.toLowerCase() ?? ''
  // The type that SUM gives for whole numbers.
  if (name === 'numeric' && scale === 0) return 'integer'
  return TYPES[name] ?? 'text'
}

export function queryResult({ columns, rows }: Result): QueryResult {
  const types = columns.map(typeOf)
  return {
    columns: columns.map(({ name, label }, i) => ({ name: label ?? name ?? '', type: types[i] ?? 'text' })),
    rows: plainRows(rows, types),
  }
}

async function* plainRows(rows: Result['rows'], types: readonly ColumnType[]): AsyncGenerator<readonly Value[]> {
  for await (const row of rows) yield row.map((field, i) => plain(field, types[i] ?? 'text'))
}

function plain(field: Field, type: ColumnType): Value {
  if (field.isNull === true) return null
  const value = field.stringValue ?? field.longValue ?? field.doubleValue ?? field.booleanValue
  if (field.blobValue !== undefined) return Buffer.from(field.blobValue).toString('hex')
  if (value === undefined) return null
  if (typeof value !== 'string') return value
  if (type === 'timestamp') return rfc3339(value)
  return type === 'integer' ? BigInt(value) : value
}

const INSTANT = /^(\d{4,}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:[+-]00(?::?00)?)?$/

/** From `2026-10-01 12:34:56.5+00`; queries run in UTC. Anything else (`infinity`, years BC) stays as it is. */
function rfc3339(text: string): string {
  const [, date, time, fraction = ''] = INSTANT.exec(text) ?? []
  if (date === undefined) return text
  const digits = fraction.replace(/0+$/, '')
  return `${date}T${time}${digits === '' ? '' : `.${digits}`}Z`
}
