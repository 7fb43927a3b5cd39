import type { QueryResult, Value } from '../../contract.js'
import { escaped } from '../../errors.js'
import type { ResultColumn, Row } from './values.js'

interface Look {
  /** Writes characters that could control a terminal as `\\u…`, which is the same JSON. */
  readonly onTerminal: boolean
}

/** One object a line. */
export async function* ndjson({ columns, rows }: QueryResult, { onTerminal }: Look): AsyncIterable<string> {
  const object = objectWriter(columns, onTerminal)
  for await (const row of rows) yield `${object(row)}\n`
}

/** One array, with an object on each line. */
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

/** Integers keep all their digits; NaN and infinities, which JSON lacks, become null. */
function jsonText(value: Value, type: ResultColumn['type']): string {
  if (typeof value === 'bigint') return value.toString()
  if (type === 'json' && typeof value === 'string' && isJson(value)) return value.replace(/[\t\r\n]/g, ' ')
  return JSON.stringify(value)
}

/** DuckDB accepts NaN and trailing commas as JSON; embedded as they are, they would make the whole output invalid. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
