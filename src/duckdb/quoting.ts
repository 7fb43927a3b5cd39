/** Quoting for DuckDB's SQL. Statements contain only our own names and values, never values of records. */

import { quotedString } from '@duckdb/node-api'

export { quotedIdentifier, quotedString } from '@duckdb/node-api'

export const instantLiteral = (instant: Date): string => `TIMESTAMPTZ ${quotedString(instant.toISOString())}`
