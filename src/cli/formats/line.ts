import stringWidth from 'string-width'
import type { QueryResult } from '../../contract.js'
import { escaped } from '../../errors.js'

/** One line per column, and an empty line between rows, for rows too wide for a table. Nothing is cut. */
export async function* line({ columns, rows }: QueryResult): AsyncIterable<string> {
  const names = columns.map(({ name }) => escaped(name))
  const widest = Math.max(0, ...names.map((name) => stringWidth(name)))
  const heads = names.map((name) => `${' '.repeat(widest - stringWidth(name))}${name} = `)
  let between = ''
  for await (const row of rows) {
    // A line break in a value could forge a column.
    yield between + heads.map((head, i) => `${head}${escaped(String(row[i] ?? 'NULL'))}\n`).join('')
    between = '\n'
  }
}
