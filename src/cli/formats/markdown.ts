import type { QueryResult, Value } from '../../contract.js'
import { escaped } from '../../errors.js'

/**
 * What has a meaning in Markdown, HTML or mathematics. Escaped, a value can neither show an image, which would tell its author who
 * reads the page, nor a link that is none.
 *
 * https://spec.commonmark.org/0.31.2/#backslash-escapes
 */
const MEANINGFUL = /[\\`*_~[\]<>|&$#!@]/g

/** A table of GitHub's Markdown. https://github.github.com/gfm/#tables-extension- */
export async function* markdown({ columns, rows }: QueryResult): AsyncIterable<string> {
  yield line(columns.map(({ name }) => name))
  yield `|${columns.map(({ type }) => (type === 'integer' || type === 'double' ? '---:' : '---')).join('|')}|\n`
  for await (const row of rows) yield line(columns.map((_, i) => row[i] ?? null))
}

const line = (values: readonly Value[]): string => `| ${values.map(cell).join(' | ')} |\n`

function cell(value: Value): string {
  if (value === null) return ''
  const text = escaped(String(value)).replace(MEANINGFUL, '\\$&')
  // GitHub makes a link of what looks like an address.
  return text.replace(/:(?=\/\/)|(?<=www)\./gi, '\\$&')
}
