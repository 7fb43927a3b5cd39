/** What Redshift's SQL says in its own way, for the questions and the views that every warehouse has. */

import type { SqlForms } from '../shared/questions.js'
import { EXACT, PARTS } from './exact.js'
import { literal, type Place, quote, tableOf } from './place.js'

export const redshiftSql = (place: Place): SqlForms => ({
  table: (name) => tableOf(place, { name }),
  column: quote,
  utcDay: (instant) => `CAST(${instant} AT TIME ZONE 'UTC' AS DATE)`,
  // But for the keys of this sink's own.
  keys: (events, json) =>
    `SELECT e."timestamp", CAST(k AS VARCHAR) AS key FROM ${events} AS e, UNPIVOT e.${quote(json)} AS v AT k
            WHERE CAST(k AS VARCHAR) NOT IN (${[EXACT, PARTS].map(literal).join(', ')})`,
})
