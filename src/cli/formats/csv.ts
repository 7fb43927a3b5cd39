import type { QueryResult, Value } from '../../contract.js'
import { escaped } from '../../errors.js'

interface Look {
  /** Quotes every text, and puts a `'` before those that a spreadsheet would take for a formula. */
  readonly csvSafe: boolean
  /** Writes characters that could control a terminal as `\\u…`. */
  readonly onTerminal: boolean
}

/** https://owasp.org/www-community/attacks/CSV_Injection, including the full-width forms that some spreadsheets accept */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/

/** RFC 4180 with a header. NULL is an empty field, an empty text is `""`. */
export async function* csv({ columns, rows }: QueryResult, look: Look): AsyncIterable<string> {
  yield record(
    columns.map(({ name }) => name),
    look,
  )
  for await (const row of rows) yield record(row, look)
}

function record(values: readonly Value[], look: Look): string {
  return `${values.map((value) => field(value, look)).join(',')}\r\n`
}

function field(value: Value, { csvSafe, onTerminal }: Look): string {
  if (value === null) return ''
  const isSafe = csvSafe && typeof value === 'string'
  const guarded = isSafe && FORMULA.test(value) ? `'${value}` : String(value)
  const text = onTerminal ? escaped(guarded) : guarded
  return isSafe || text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
