/** The bulk path: NDJSON files to typed rows in one statement, with a mark on each line that needs a closer look. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import { undocumentedIds } from './identity.js'
import { typed } from './typing.js'

/** All texts: numbers keep every digit so, and a string and a number of the same text are the same. */
const TEXTS = quotedString(JSON.stringify(Object.fromEntries(RECORD_FIELDS.map((field) => [field, 'VARCHAR']))))
const NOTHING_KNOWN = quotedString(JSON.stringify(Object.fromEntries(RECORD_FIELDS.map((field) => [field, null]))))

/** A number, array or object as a field's text: the engine may have written it otherwise than it stands there. */
const REWRITTEN = quotedString(
  '-?[0-9]+(?:[.][0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)|0|-?(?i:nan|inf|infinity)|(?s:[{\\[].*)',
)
/** What the engine reads otherwise than it stands in the line: fractions, exponents, -0, NaN, a comma too many. */
const INEXACT = quotedString('(?:"\\s*:|[\\[,])\\s*(?:-?[0-9]+[.eE]|-0|-?(?i:nan|inf))|,\\s*[\\]}]')

/** Ids are digits in nearly every log, and their texts together tell in one look. */
const IDS = RECORD_FIELDS.filter((field) => /_asset$|_id$/.test(field))
const WORDS = RECORD_FIELDS.filter(
  (field) => !IDS.includes(field) && field !== 'timestamp' && field !== 'response_code',
)

/** Decides how large the reader's buffers are; no line is so long. */
const READ_BYTES = 4 << 20

/** A text that begins like a key, so that another text's end and this one's begin would look like a key themselves. */
const COLON_FIRST = quotedString('[{,]\\s*"\\s*:')
const KEYS = quotedString('"([^"]*)"\\s*:')

/**
 * Reads files into rows (file, slow, the columns of `typed`), in the order of the files and their lines, one for
 * each line that is not blank.
 *
 * `slow` marks the lines for the slow path: those that are not events, and events that the engine would not keep to the
 * digit or whose values may be too long. Their other columns mean nothing.
 */
export function readEvents(paths: readonly string[]): string {
  const count = RECORD_FIELDS.map((field) => `(${quotedIdentifier(field)} IS NOT NULL)::UTINYINT`).join(' + ')
  const texts = `
    SELECT *, CASE WHEN more THEN nullif(CAST(json_merge_patch(json, ${NOTHING_KNOWN}::JSON) AS VARCHAR), '{}') END AS unknown
    FROM (
      SELECT *, len(json_keys(json)) <> (${count}) AS more
      FROM (
        SELECT file, json, unnest(record)
        FROM (
          SELECT right(filename, 8)::INTEGER AS file, json, from_json(json, ${TEXTS}) AS record
          FROM read_ndjson_objects([${paths.map(quotedString).join(', ')}], format = 'newline_delimited',
            ignore_errors = true, filename = true, compression = 'uncompressed',
            maximum_object_size = ${READ_BYTES})
        )
      )
    )`
  const ids = IDS.map(quotedIdentifier).join(', ')
  const oddIds = `regexp_matches(concat(${ids}), '[^0-9]')`
  const zeros = `(response_code = 0 OR '0' IN (${ids})) IS TRUE`
  const rewritten = `(${WORDS.map((word) => `regexp_full_match(${quotedIdentifier(word)}, ${REWRITTEN})`).join(' OR ')}) IS TRUE`
  // All that looks like a key stands once in the line, so none stands twice in an object.
  const keys = `regexp_extract_all(json, ${KEYS}, 1)`
  const mayRepeat = `contains(json, '\\') OR regexp_matches(json, ${COLON_FIRST}) OR len(list_distinct(${keys})) <> len(${keys})`
  // CASE, not OR and AND: only a CASE spares the engine the costly pattern on every line.
  return `
    SELECT * EXCLUDE (json, more),
      CASE
        WHEN json IS NULL OR "timestamp" IS NULL OR action IS NULL THEN true
        WHEN more OR extra IS NOT NULL OR ${oddIds} OR ${zeros} OR ${rewritten}
          OR suffix(json, ',}') OR suffix(json, ' }') OR suffix(json, chr(9) || '}') OR suffix(json, chr(13) || '}')
        THEN regexp_matches(json, ${INEXACT}) OR len(list_distinct(json_keys(json))) <> len(json_keys(json))
          OR (contains(json, '\\') AND (${oddIds} OR ${rewritten} OR ids IS NOT NULL))
          OR CASE WHEN contains(CAST(extra AS VARCHAR)[2:], '{') THEN ${mayRepeat} ELSE false END
        ELSE false
      END AS slow
    FROM (${typed({ texts, ids: undocumentedIds('unknown'), sorted, wide: false, passed: ['file', 'json', 'more'] })})`
}

/**
 * Sorts the keys, and drops those whose value is null: null means absent. Most objects need neither. Numbers stay exact, because
 * a line in which the engine would rewrite one takes the slow path.
 */
const sorted = (object: string): string => `CASE
    WHEN ${object} IS NULL THEN NULL
    WHEN NOT contains(${object}, 'null') AND json_keys(${object}) = list_sort(json_keys(${object})) THEN ${object}
    ELSE nullif(concat('{', array_to_string(list_transform(
      list_sort(list_filter(list_zip(json_keys(${object}), CAST(json_extract(${object}, '$.*') AS VARCHAR[])),
        lambda member: coalesce(member[2], 'null') <> 'null')),
      lambda member: concat(to_json(member[1]), ':', member[2])), ','), '}'), '{}')
  END`
