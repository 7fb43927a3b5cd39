/** Redshift's forms in the questions and views that every warehouse has. */

import type { SqlForms } from '../shared/questions.js'
import { EXACT, PARTS } from './exact.js'
import { literal, type Namespace, quote, tableOf } from './namespace.js'

export const redshiftSql = (place: Namespace): SqlForms => ({
  table: (name) => tableOf(place, { name }),
  column: quote,
  utcDay: (instant) => `CAST(${instant} AT TIME ZONE 'UTC' AS DATE)`,
  // Leaves out this sink's own keys. UNPIVOT gets only objects: its behavior with null or a scalar is not documented.
  keys: (events, json) =>
    `SELECT e."timestamp", CAST(k AS VARCHAR) AS key
          FROM (SELECT "timestamp", CASE WHEN IS_OBJECT(${quote(json)}) THEN ${quote(json)} ELSE JSON_PARSE('{}') END AS "members" FROM ${events}) AS e,
            UNPIVOT e."members" AS v AT k
            WHERE CAST(k AS VARCHAR) NOT IN (${[EXACT, PARTS].map(literal).join(', ')})`,
  // The planner sees a constant, so blocks of other days are skipped.
  recent: (instant, days) => `${instant} >= DATEADD(day, -${days}, GETDATE())`,
})
