/** Names and values in DuckDB's SQL. Only ours are written there; values of records never are. */

import { quotedString } from '@duckdb/node-api'

export { quotedIdentifier, quotedString } from '@duckdb/node-api'

export const instantLiteral = (instant: Date): string => `TIMESTAMPTZ ${quotedString(instant.toISOString())}`
