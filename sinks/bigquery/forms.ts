/** BigQuery's forms for the questions and views that all warehouses share. */

import { BIGQUERY } from '../../schemas/ddl.js'
import type { SqlForms } from '../shared/questions.js'

/** @param table what stands in FROM for a table of this name */
export const bigquerySql = (table: SqlForms['table']): SqlForms => ({
  table,
  column: BIGQUERY.quote,
  // Without a time zone, BigQuery would use the project's default one.
  utcDay: (instant) => `DATE(${instant}, 'UTC')`,
  keys: (events, json) =>
    `SELECT ${BIGQUERY.quote('timestamp')}, key FROM ${events}, UNNEST(JSON_KEYS(${json}, 1)) AS key`,
})
