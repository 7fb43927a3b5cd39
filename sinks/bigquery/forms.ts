/** BigQuery's forms for the questions and views that all warehouses share. */

import { BIGQUERY } from '../../schemas/ddl.js'
import { NETWORK_PATTERN } from '../../schemas/detections/detection.js'
import type { SqlForms } from '../shared/questions.js'

/** @param table what stands in FROM for a table of this name */
export const bigquerySql = (table: SqlForms['table']): SqlForms => ({
  table,
  column: BIGQUERY.quote,
  instant: (at) => `TIMESTAMP '${at.toISOString().slice(0, 19).replace('T', ' ')}+00'`,
  // %F would write the year 1 as 1. https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements
  utcText: (instant) => `FORMAT_TIMESTAMP('%E4Y-%m-%d %H:%M:%E6S', ${instant}, 'UTC')`,
  // A SUM of INT64 may overflow. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
  hashNumber: (text) => `CAST(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(${text})), 1, 15)) AS INT64) AS NUMERIC)`,
  digits: (integer) => `CAST(${integer} AS STRING)`,
  byteLength: (text) => `BYTE_LENGTH(${text})`,
  sha256: (text) => `TO_HEX(SHA256(${text}))`,
  joined: (texts) => texts.join(' || '),
  jsonText: (json) => `TO_JSON_STRING(${json})`,
  jsonKept: 'parsed',
  jsonString: (text) => `TO_JSON_STRING(TO_JSON(${text}))`,
  fromJsonText: (text) => `PARSE_JSON(${text})`,
  // Without a time zone, BigQuery would use the project's default one.
  utcDay: (instant) => `DATE(${instant}, 'UTC')`,
  microseconds: (instant) => `UNIX_MICROS(${instant})`,
  network: (address) => `COALESCE(REGEXP_EXTRACT(${address}, '${NETWORK_PATTERN}'), ${address})`,
  keys: (events, json) =>
    `SELECT ${BIGQUERY.quote('timestamp')}, key FROM ${events}, UNNEST(JSON_KEYS(${json}, 1)) AS key`,
})
