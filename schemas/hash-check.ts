/**
 * The statement with which an auditor recomputes `content_hash` from the columns, in the SQL of each warehouse. It needs
 * neither this program nor the archive.
 */

import type { ProofForms } from './proof.js'
import { IDENTITY_FIELDS } from './tables.js'

export interface HashForms extends ProofForms {
  /** The UTC day of an instant, as a DATE. */
  utcDay(instant: string): string
  /** Microseconds since 1970 UTC, an integer. */
  microseconds(instant: string): string
}

/**
 * SELECTs utc_day, events and altered: of each day, how many events have a hash that their columns do not give. Repeats are
 * included. Events with an `extra` are left out, because part of what was hashed may be there.
 */
export function hashCheck(forms: HashForms, events: string): string {
  const { byteLength, digits, sha256, column } = forms
  const withLength = (text: string): string => `${digits(byteLength(text))} || ':' || ${text}`
  const fields = IDENTITY_FIELDS.filter((name) => name !== 'timestamp').map((name) => {
    const text = name === 'response_code' ? digits(column(name)) : column(name)
    return `CASE WHEN ${column(name)} IS NULL THEN '-' ELSE ${withLength(text)} END`
  })
  const micros = digits(forms.microseconds(column('timestamp')))
  return `
WITH instants AS (
  SELECT *, CASE ${micros} WHEN '0' THEN '0' ELSE ${micros} || '000' END AS nanoseconds
  FROM ${events} WHERE extra IS NULL
), texts AS (
  SELECT ${forms.utcDay(column('timestamp'))} AS utc_day, content_hash,
    ${[withLength('nanoseconds'), ...fields].join(" || ',' ||\n    ")} AS identity_text
  FROM instants
), numbered AS (
  SELECT identity_text, ROW_NUMBER() OVER (PARTITION BY ${sha256('identity_text')} ORDER BY content_hash) - 1 AS n
  FROM texts
), hashes AS (
  SELECT ${sha256(`identity_text || CASE n WHEN 0 THEN '' ELSE '#' || ${digits('n')} END`)} AS recomputed
  FROM numbered
)
SELECT utc_day, COUNT(*) AS events, SUM(CASE WHEN recomputed IS NULL THEN 1 ELSE 0 END) AS altered
FROM texts LEFT JOIN hashes ON recomputed = content_hash
GROUP BY utc_day ORDER BY utc_day`
}
