import type { QueryResult, Value } from '../../contract.js'

/**
 * RFC 4180 with a header. NULL is an empty field, an empty text is `""`.
 *
 * Values are written as they are: one that starts with `=`, `+`, `-` or `@` is a formula to a spreadsheet, so
 * import such files there as text.
 */
export async function* csv({ columns, rows }: QueryResult): AsyncIterable<string> {
  yield record(columns.map(({ name }) => name))
  for await (const row of rows) yield record(row)
}

function record(values: readonly Value[]): string {
  return `${values.map(field).join(',')}\r\n`
}

function field(value: Value): string {
  if (value === null) return ''
  const text = String(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
