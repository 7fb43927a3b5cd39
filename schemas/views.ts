/** The views of views/*.sql, for warehouses that speak DuckDB's SQL: each a question an analyst or auditor asks first. */

import { readdirSync, readFileSync } from 'node:fs'

const FOLDER = new URL('./views/', import.meta.url)

export interface View {
  readonly name: string
  /** A plain SELECT, its question in a comment on the first line. */
  readonly sql: string
}

export function views(): View[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({ name: file.slice(0, -'.sql'.length), sql: readFileSync(new URL(file, FOLDER), 'utf8') }))
}
