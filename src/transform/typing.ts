/** Turns the texts of a record into the columns of `audit_events`: the same SQL for both paths. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import { identityText, instantOf, isExactTime, isPlainTime, nanosecondsOf } from './identity.js'

/** The limit of Redshift's VARCHAR; a column means the same in every warehouse. */
const TEXT_BYTES = 65_535
/** Characters of an action that fit in any case, for the column that may not be null. */
const TEXT_CHARACTERS = 16_383

const INTEGER = quotedString('0|-?[1-9][0-9]{0,9}')

const TEXT_FIELDS = RECORD_FIELDS.filter((field) => field !== 'timestamp' && field !== 'response_code')

export interface TextsRelation {
  /** A SELECT with a text column for each documented key (NULL: absent) and `unknown`, a JSON object of all others. */
  readonly texts: string
  /** Expression for `undocumentedIds` of `unknown`. */
  readonly ids: string
  /** Expression for an object's text with sorted keys, so that two readings of one extra have the same text. */
  sorted(object: string): string
  /** Whether a text may exceed 65,535 bytes; if none can, the check is left out. */
  readonly wide: boolean
  /** Further columns of `texts` to pass through. */
  readonly passed: readonly string[]
}

/** SELECTs the passed columns, timestamp (NULL when invalid), the other documented keys, extra, content_hash and ids. */
export function typed({ texts, ids, sorted, wide, passed }: TextsRelation): string {
  const isWide = (field: string): string => `strlen(${quotedIdentifier(field)}) > ${TEXT_BYTES}`
  const columns = RECORD_FIELDS.map((field) => {
    if (field === 'timestamp') return `instant AS "timestamp"`
    if (field === 'response_code') return 'code AS response_code'
    if (!wide) return quotedIdentifier(field)
    const narrow = field === 'action' ? `left(action, ${TEXT_CHARACTERS})` : 'NULL'
    return `CASE WHEN ${isWide(field)} THEN ${narrow} ELSE ${quotedIdentifier(field)} END AS ${quotedIdentifier(field)}`
  })
  const kept = [
    `'timestamp', CASE WHEN NOT exact_time THEN raw_timestamp END`,
    `'response_code', CASE WHEN code IS NULL THEN response_code END`,
    ...(wide
      ? TEXT_FIELDS.map(
          (field) => `${quotedString(field)}, CASE WHEN ${isWide(field)} THEN ${quotedIdentifier(field)} END`,
        )
      : []),
  ]
  const anyKept = [
    'NOT exact_time',
    '(code IS NULL AND response_code IS NOT NULL)',
    ...(wide ? TEXT_FIELDS.map((field) => `coalesce(${isWide(field)}, false)`) : []),
  ].join(' OR ')
  // A merge patch drops members whose value is null.
  const keptObject = `CAST(json_merge_patch('{}'::JSON, json_object(${kept.join(', ')})) AS VARCHAR)`
  return `
    SELECT ${[...passed, ...columns].join(', ')},
      CAST(${sorted('all_extra')} AS JSON) AS extra,
      sha256(${identityText('nanoseconds', 'ids')}) AS content_hash, ids
    FROM (
      SELECT *,
        CASE
          WHEN NOT (${anyKept}) THEN unknown
          WHEN unknown IS NULL THEN ${keptObject}
          ELSE concat(left(unknown, -1), ',', ${keptObject}[2:])
        END AS all_extra
      FROM (
        SELECT *, ${ids} AS ids, ${nanosecondsOf('instant', 'raw_timestamp', 'plain_time')} AS nanoseconds,
          ${isExactTime('raw_timestamp', 'plain_time')} AS exact_time
        FROM (
          SELECT *, ${instantOf('raw_timestamp', 'plain_time')} AS instant,
            CASE WHEN regexp_full_match(response_code, ${INTEGER}) THEN try_cast(response_code AS INTEGER) END AS code
          FROM (
            SELECT * EXCLUDE ("timestamp"), "timestamp" AS raw_timestamp, ${isPlainTime('"timestamp"')} AS plain_time
            FROM (${texts})
          )
        )
      )
    )`
}
