import type { QueryResult, Value } from '../../contract.js'
import { escaped } from '../../errors.js'
import type { ResultColumn, Row } from './values.js'

interface Look {
  /** What could steer a terminal as `\\u…`; the JSON says the same. */
  readonly onTerminal: boolean
}

/** One object a line. */
export async function* ndjson({ columns, rows }: QueryResult, { onTerminal }: Look): AsyncIterable<string> {
  const object = objectWriter(columns, onTerminal)
  for await (const row of rows) yield `${object(row)}\n`
}

/** One array of objects, an object a line. */
export async function* json({ columns, rows }: QueryResult, { onTerminal }: Look): AsyncIterable<string> {
  const object = objectWriter(columns, onTerminal)
  let before = '[\n'
  for await (const row of rows) {
    yield before + object(row)
    before = ',\n'
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}

function objectWriter(columns: readonly ResultColumn[], onTerminal: boolean): (row: Row) => string {
  const keys = columns.map(({ name }) => JSON.stringify(name))
  const object = (row: Row): string =>
    `{${columns.map(({ type }, i) => `${keys[i]}:${jsonText(row[i] ?? null, type)}`).join(',')}}`
  return onTerminal ? (row) => escaped(object(row)) : object
}

/** Integers keep all their digits; NaN and infinities, which JSON does not have, become null. */
function jsonText(value: Value, type: ResultColumn['type']): string {
  if (typeof value === 'bigint') return value.toString()
  if (type === 'json' && typeof value === 'string' && isJson(value)) return value.replace(/[\t\r\n]/g, ' ')
  return JSON.stringify(value)
}

/** DuckDB takes NaN and trailing commas for JSON; embedded raw they would spoil the whole output. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
