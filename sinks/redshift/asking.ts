/** What `status` and `rejects` ask, in Redshift's SQL. */

import type { Questions } from '../../src/contract.js'
import { questions } from '../shared/questions.js'
import { EXACT, PARTS } from './exact.js'
import { literal, type Place, quote, tableOf } from './place.js'
import { rawRejects } from './raw-rejects.js'
import { utcDay } from './views.js'

/** SELECTs timestamp and key of each key in `extra`, but for the keys of this sink's own. UNPIVOT is given objects alone. */
const keysOf = (events: string, json: string): string =>
  `SELECT e."timestamp", CAST(k AS VARCHAR) AS key
          FROM (SELECT "timestamp", CASE WHEN IS_OBJECT(${quote(json)}) THEN ${quote(json)} ELSE JSON_PARSE('{}') END AS "members" FROM ${events}) AS e,
            UNPIVOT e."members" AS v AT k
          WHERE CAST(k AS VARCHAR) NOT IN (${[EXACT, PARTS].map(literal).join(', ')})`

/** A constant to the planner, so that the blocks of other days are not read. */
const recent = (instant: string, days: number): string => `${instant} >= DATEADD(day, -${days}, GETDATE())`

export const questionsOf = (place: Place): Questions => ({
  ...questions({ table: (name) => tableOf(place, { name }), column: quote, utcDay, keys: keysOf, recent }),
  rawRejects: rawRejects(place),
})
