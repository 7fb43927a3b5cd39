import type { QueryResult, Value } from '../../contract.js'
import { escaped } from '../../errors.js'

/**
 * Characters with a meaning in Markdown, HTML or math. With them escaped, a value can show neither an image, which would tell its
 * author who reads the page, nor a disguised link.
 *
 * https://spec.commonmark.org/0.31.2/#backslash-escapes
 */
const MEANINGFUL = /[\\`*_~[\]<>|&$#!@]/g

/** A table in GitHub Flavored Markdown. https://github.github.com/gfm/#tables-extension- */
export async function* markdown({ columns, rows }: QueryResult): AsyncIterable<string> {
  yield line(columns.map(({ name }) => name))
  yield `|${columns.map(({ type }) => (type === 'integer' || type === 'double' ? '---:' : '---')).join('|')}|\n`
  for await (const row of rows) yield line(columns.map((_, i) => row[i] ?? null))
}

const line = (values: readonly Value[]): string => `| ${values.map(cell).join(' | ')} |\n`

function cell(value: Value): string {
  if (value === null) return ''
  const text = escaped(String(value)).replace(MEANINGFUL, '\\$&')
  // GitHub turns what looks like an address into a link.
  return text.replace(/:(?=\/\/)|(?<=www)\./gi, '\\$&')
}
