/** The merge rule in GoogleSQL. */

import { BIGQUERY } from '../../schemas/ddl.js'
import { mergeRule } from '../shared/merge.js'

/**
 * An object with the members of both. For a key of both, the first object's value wins, because PARSE_JSON keeps the first of
 * duplicate keys. NULL when either is not an object. docs/decisions/bigquery-extra.md
 */
export const JOINED = `CREATE TEMP FUNCTION joined(kept JSON, other JSON) RETURNS JSON AS (
  IF(JSON_TYPE(kept) = 'object' AND JSON_TYPE(other) = 'object',
    SAFE.PARSE_JSON(CONCAT(
      SUBSTR(TO_JSON_STRING(kept), 1, LENGTH(TO_JSON_STRING(kept)) - 1), ',', SUBSTR(TO_JSON_STRING(other), 2)
    ), wide_number_mode => 'exact'),
    NULL)
)`

const extrasDiffer = (one: string, other: string): string => `TO_JSON_STRING(${one}) <> TO_JSON_STRING(${other})`
const joined = (kept: string, other: string): string => `joined(${kept}, ${other})`

export const RULE = mergeRule({
  quote: BIGQUERY.quote,
  literal: (text) => `'${text}'`,
  concat: (...texts) => `CONCAT(${texts.join(', ')})`,
  newline: String.raw`'\n'`,
  part: (text, delimiter, n) => `SPLIT(${text}, ${delimiter})[SAFE_ORDINAL(${n})]`,
  sha256: (text) => `TO_HEX(SHA256(${text}))`,
  differ: (one, other) => `${one} <> ${other}`,
  extra: {
    differ: extrasDiffer,
    grows: (kept, other) => `COALESCE(${extrasDiffer(joined(kept, other), kept)}, FALSE)`,
    // Extras that cannot be joined contradict, and are kept whole.
    contradicts: (kept, other) => `COALESCE(${extrasDiffer(joined(kept, other), joined(other, kept))}, TRUE)`,
    merged: joined,
    // An extra that is too deep for JSON is stored as a JSON string.
    text: (extra) => `COALESCE(JSON_VALUE(${extra}), TO_JSON_STRING(${extra}))`,
  },
})
