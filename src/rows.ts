/** The rows of a query by the names of their columns. */

import type { QueryResult, Value } from './contract.js'

export type Row = Readonly<Record<string, Value>>

/** @throws what reading the rows throws */
export async function namedRows({ columns, rows }: QueryResult): Promise<readonly Row[]> {
  const all: Row[] = []
  for await (const row of rows) all.push(Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null])))
  return all
}
