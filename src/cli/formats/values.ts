import type { ColumnType, QueryResult, Value } from '../../contract.js'
import { AuditError, printable } from '../../errors.js'

export type ResultColumn = QueryResult['columns'][number]
export type Row = readonly Value[]

/** A value for the binary formats: timestamps in microseconds since 1970 UTC, dates in days since 1970. */
export type BinaryValue = string | boolean | number | bigint

const BINARY: Record<ColumnType, (value: NonNullable<Value>) => BinaryValue | undefined> = {
  text: String,
  json: String,
  boolean: (value) => (typeof value === 'boolean' ? value : undefined),
  integer: int64,
  double: (value) => (typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined),
  timestamp: microseconds,
  date: days,
}

/** Throws AuditError for a value that does not fit its column's type; the message names only the column. */
export function binaryValue(column: ResultColumn, value: Value): BinaryValue | null {
  if (value === null) return null
  const converted = BINARY[column.type](value)
  if (converted === undefined) {
    throw new AuditError(
      `cannot write the result: column ${printable(column.name)} holds a value beyond ${column.type}`,
      {
        advice: 'Cast the column to text in the query, or write csv or ndjson.',
      },
    )
  }
  return converted
}

/** Groups rows into batches of at most `size`; no batch is empty. */
export async function* batches(rows: AsyncIterable<Row>, size: number): AsyncIterable<Row[]> {
  let batch: Row[] = []
  for await (const row of rows) {
    batch.push(row)
    if (batch.length === size) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

/** Renames repeated columns (`a`, `a_2`), ignoring case as DuckDB does; otherwise one would hide the other. */
export function distinctNames(columns: readonly ResultColumn[]): ResultColumn[] {
  const taken = new Set<string>()
  return columns.map(({ name, type }) => {
    let distinct = name
    for (let n = 2; taken.has(distinct.toLowerCase()); n++) distinct = `${name}_${n}`
    taken.add(distinct.toLowerCase())
    return { name: distinct, type }
  })
}

function int64(value: NonNullable<Value>): bigint | undefined {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return undefined
  const integer = BigInt(value)
  return BigInt.asIntN(64, integer) === integer ? integer : undefined
}

function microseconds(value: NonNullable<Value>): bigint | undefined {
  const [, seconds, fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(String(value)) ?? []
  const milliseconds = Date.parse(`${seconds}Z`)
  if (Number.isNaN(milliseconds)) return undefined
  return BigInt(milliseconds) * 1000n + BigInt(fraction.padEnd(6, '0'))
}

function days(value: NonNullable<Value>): number | undefined {
  const milliseconds = /^\d{4}-\d\d-\d\d$/.test(String(value)) ? Date.parse(`${value}T00:00:00Z`) : Number.NaN
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 86_400_000
}
