import { DUCKDB } from '../../schemas/ddl.js'
import { NETWORK_PATTERN } from '../../schemas/detections/detection.js'
import { DUCKDB_PROOF } from '../../schemas/proof.js'
import type { SqlForms } from './questions.js'
import { views } from './views.js'

/** For sinks that answer in DuckDB's SQL. */
export const DUCKDB_SQL: SqlForms = {
  ...DUCKDB_PROOF,
  table: DUCKDB.quote,
  jsonString: (text) => `CAST(to_json(${text}) AS VARCHAR)`,
  fromJsonText: (text) => `CAST(${text} AS JSON)`,
  utcDay: (instant) => `CAST(${instant} AT TIME ZONE 'UTC' AS DATE)`,
  microseconds: (instant) => `epoch_us(${instant})`,
  network: (address) => `coalesce(nullif(regexp_extract(${address}, '${NETWORK_PATTERN}'), ''), ${address})`,
  keys: (events, json) =>
    `SELECT "timestamp", unnest(json_keys(${json})) AS key FROM ${events} WHERE ${json} IS NOT NULL`,
}

export const DUCKDB_VIEWS = views(DUCKDB_SQL)
