/** The bulk path: NDJSON files to typed rows in one statement, with a mark on each line that needs a closer look. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import { LONG_LINE_BYTES } from '../extract/lines.js'
import { literal, quoted } from './sql.js'
import { typed } from './typing.js'

/** All texts: numbers keep every digit so, and a string and a number of the same text are the same. */
const TEXTS = literal(JSON.stringify(Object.fromEntries(RECORD_FIELDS.map((field) => [field, 'VARCHAR']))))
const NOTHING_KNOWN = literal(JSON.stringify(Object.fromEntries(RECORD_FIELDS.map((field) => [field, null]))))

/** Ids are digits in nearly every log; their texts together tell in one look. */
const IDS = RECORD_FIELDS.filter(
  (field) => field.endsWith('_asset') || field.endsWith('_id') || field === 'response_code',
)
const WORDS = RECORD_FIELDS.filter((field) => !IDS.includes(field) && field !== 'timestamp')

/** Texts that the engine may have rewritten: numbers that are no plain integers, arrays and objects. */
const REWRITTEN = literal('-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?|-?NaN|-?Infinity|(?s:[{\\[].*)')
/** What the engine reads otherwise than it stands there: fractions, exponents, NaN, a comma too many. */
const INEXACT = literal('(?:"\\s*:|[\\[,])\\s*(?:-?[0-9]+[.eE]|-?(?i:nan|inf))|,\\s*[\\]}]')

/**
 * Reads files into rows (file, faulty, the columns of `typed`), in the order of the files and their lines, one for
 * each line that is not blank.
 *
 * `faulty` marks lines that are no events, and events whose value the engine would not keep to the digit; their
 * other columns say nothing.
 */
export function readEvents(paths: readonly string[]): string {
  const count = RECORD_FIELDS.map((field) => `(${quoted(field)} IS NOT NULL)::UTINYINT`).join(' + ')
  const words = WORDS.map((field) => `coalesce(regexp_full_match(${quoted(field)}, ${REWRITTEN}), false)`).join(' OR ')
  const doubtful = `more OR regexp_matches(concat(${IDS.map(quoted).join(', ')}), '[^0-9]') OR ${words}`
  // CASE, not AND: only a CASE spares the engine the costly pattern on every line.
  const texts = `
    SELECT *,
      CASE
        WHEN json IS NULL OR regexp_matches(json, ',\\s*\\}$') THEN true
        WHEN ${doubtful} THEN regexp_matches(json, ${INEXACT}) OR len(list_distinct(json_keys(json))) <> len(json_keys(json))
        ELSE false
      END AS inexact,
      CASE WHEN more THEN nullif(CAST(json_merge_patch(json, ${NOTHING_KNOWN}::JSON) AS VARCHAR), '{}') END AS unknown,
      strlen(json) > 65535 AS wide
    FROM (
      SELECT *, len(json_keys(json)) <> (${count}) AS more
      FROM (
        SELECT file, json, unnest(record)
        FROM (
          SELECT right(filename, 8)::INTEGER AS file, json, from_json(json, ${TEXTS}) AS record
          FROM read_ndjson_objects([${paths.map(literal).join(', ')}], format = 'newline_delimited',
            ignore_errors = true, filename = true, compression = 'uncompressed', maximum_object_size = ${4 * LONG_LINE_BYTES})
        )
      )
    )`
  return `SELECT * EXCLUDE (inexact), (inexact OR "timestamp" IS NULL OR action IS NULL) AS faulty
    FROM (${typed(texts, ['file', 'inexact'])})`
}
