/** Redshift's forms in the questions and views that every warehouse has. */

import { NETWORK_PATTERN } from '../../schemas/detections/detection.js'
import type { SqlForms } from '../shared/questions.js'
import { EXACT, PARTS } from './exact.js'
import { digest, instant, literal, type Namespace, quote, tableOf } from './namespace.js'

export const redshiftSql = (place: Namespace): SqlForms => ({
  table: (name) => tableOf(place, { name }),
  column: quote,
  instant: (at) => instant(BigInt(at.getTime()) * 1000n),
  utcText: (instant) => `TO_CHAR(${instant} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`,
  // The sum of BIGINTs is NUMERIC(38,0). https://docs.aws.amazon.com/redshift/latest/dg/r_SUM.html
  hashNumber: (text) => `STRTOL(SUBSTRING(${digest(text)}, 1, 15), 16)`,
  digits: (integer) => `CAST(${integer} AS VARCHAR)`,
  byteLength: (text) => `OCTET_LENGTH(${text})`,
  sha256: digest,
  joined: (texts) => texts.join(' || '),
  // JSON_SERIALIZE of a missing value may be the text of a JSON null.
  jsonText: (json) => `CASE WHEN ${json} IS NULL THEN NULL ELSE JSON_SERIALIZE(${json}) END`,
  jsonKept: 'rounded',
  isBase64: (reject) => `${reject}message LIKE '%raw is its base64%'`,
  jsonString: (text) => `CASE WHEN ${text} IS NULL THEN NULL ELSE JSON_SERIALIZE(CAST(${text} AS SUPER)) END`,
  fromJsonText: (text) => `JSON_PARSE(${text})`,
  utcDay: (instant) => `CAST(${instant} AT TIME ZONE 'UTC' AS DATE)`,
  microseconds: (at) => `DATEDIFF(microsecond, ${instant(0n)}, ${at})`,
  network: (address) => `COALESCE(NULLIF(REGEXP_SUBSTR(${address}, '${NETWORK_PATTERN}'), ''), ${address})`,
  // Leaves out this sink's own keys. UNPIVOT gets only objects: its behavior with null or a scalar is not documented.
  keys: (events, json) =>
    `SELECT e."timestamp", CAST(k AS VARCHAR) AS key
          FROM (SELECT "timestamp", CASE WHEN IS_OBJECT(${quote(json)}) THEN ${quote(json)} ELSE JSON_PARSE('{}') END AS "members" FROM ${events}) AS e,
            UNPIVOT e."members" AS v AT k
            WHERE CAST(k AS VARCHAR) NOT IN (${[EXACT, PARTS].map(literal).join(', ')})`,
  // The planner sees a constant, so blocks of other days are skipped.
  recent: (instant, days) => `${instant} >= DATEADD(day, -${days}, GETDATE())`,
})
