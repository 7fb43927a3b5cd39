/** From the texts of a record to the columns of `audit_events`: the same SQL for every line, however it was read. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import { identityText, instantOf, isCanonical, nanosecondsOf } from './identity.js'
import { literal, quoted } from './sql.js'

/** Redshift's VARCHAR ends here, and a column means the same in every warehouse. */
const TEXT_BYTES = 65_535
/** As many characters of an action as surely fit, for the column that may not be null. */
const TEXT_CHARACTERS = 16_383

const INTEGER = literal('0|-?[1-9][0-9]{0,9}')

const TEXT_FIELDS = RECORD_FIELDS.filter((field) => field !== 'timestamp' && field !== 'response_code')

/**
 * A SELECT over `texts`, a relation with a text column for each documented key (NULL: absent), `unknown` (the
 * JSON object of the unknown keys, or NULL) and `wide` (whether any text may be over 65,535 bytes).
 *
 * Gives `passed` columns as they are, then timestamp (NULL where it is none), the other documented keys, extra and
 * content_hash.
 */
export function typed(texts: string, passed: readonly string[]): string {
  const wide = (field: string): string => `wide AND strlen(${quoted(field)}) > ${TEXT_BYTES}`
  const columns = RECORD_FIELDS.map((field) => {
    if (field === 'timestamp') return `instant AS "timestamp"`
    if (field === 'response_code') return `code AS response_code`
    const narrow = field === 'action' ? `left(action, ${TEXT_CHARACTERS})` : 'NULL'
    return `CASE WHEN ${wide(field)} THEN ${narrow} ELSE ${quoted(field)} END AS ${quoted(field)}`
  })
  const kept = [
    `'timestamp', CASE WHEN NOT exact_time THEN raw_timestamp END`,
    `'response_code', CASE WHEN code IS NULL THEN response_code END`,
    ...TEXT_FIELDS.map((field) => `${literal(field)}, CASE WHEN ${wide(field)} THEN ${quoted(field)} END`),
  ]
  const anyKept = [
    'NOT exact_time',
    '(response_code IS NOT NULL AND code IS NULL)',
    `(wide AND greatest(${TEXT_FIELDS.map((field) => `coalesce(strlen(${quoted(field)}), 0)`).join(', ')}) > ${TEXT_BYTES})`,
  ]
  // A merge patch drops the members that are null.
  const keptObject = `CAST(json_merge_patch('{}'::JSON, json_object(${kept.join(', ')})) AS VARCHAR)`
  return `
    SELECT ${[...passed, ...columns].join(', ')},
      CASE
        WHEN NOT (${anyKept.join(' OR ')}) THEN unknown
        WHEN unknown IS NULL THEN ${keptObject}
        ELSE concat(left(unknown, -1), ',', ${keptObject}[2:])
      END::JSON AS extra,
      sha256(${identityText('nanoseconds')}) AS content_hash
    FROM (
      SELECT *, ${nanosecondsOf('instant', 'raw_timestamp')} AS nanoseconds, ${isCanonical('raw_timestamp')} AS exact_time
      FROM (
        SELECT * EXCLUDE ("timestamp"), "timestamp" AS raw_timestamp, ${instantOf('"timestamp"')} AS instant,
          CASE WHEN regexp_full_match(response_code, ${INTEGER}) THEN try_cast(response_code AS INTEGER) END AS code
        FROM (${texts})
      )
    )`
}
