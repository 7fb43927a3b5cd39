/** The bulk path: reads NDJSON files into typed rows in one statement, and marks each line that needs a closer look. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import { undocumentedIds } from './identity.js'
import { DIGITS, isSimple, STRINGS, VALUES } from './simple-lines.js'
import { typed } from './typing.js'

/** Every field as text: numbers keep all digits, and a string and a number with the same text are equal. */
const TEXTS = quotedString(JSON.stringify(Object.fromEntries(RECORD_FIELDS.map((field) => [field, 'VARCHAR']))))
const NOTHING_KNOWN = quotedString(JSON.stringify(Object.fromEntries(RECORD_FIELDS.map((field) => [field, null]))))

/** Between separators: a number, array or object as a field's text, which the engine may have rewritten. */
const REWRITTEN = quotedString(
  '\\x01(?:(?:-?[0-9]+(?:[.][0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)|0|-?(?i:nan|inf|infinity))\\x01|[{\\[])',
)
/** What the engine does not reproduce exactly: fractions, exponents, -0, NaN, a trailing comma. */
const INEXACT = quotedString('(?:"\\s*:|[\\[,])\\s*(?:-?[0-9]+[.eE]|-0|-?(?i:nan|inf))|,\\s*[\\]}]')

/** Fields that hold digits only in nearly every log, so that one look at their concatenation is enough. */
const IDS = DIGITS.filter((field) => field !== 'response_code')
const WORDS = STRINGS.filter((field) => field !== 'timestamp')

/** DuckDB's smallest buffer; no line is half as long. */
const LEAST_BUFFER = 32 << 20
const LARGEST_BUFFER = 128 << 20
/** What the buffers of all threads together may take. */
const SHARE_OF_MEMORY = 1 / 4
/** With fewer, one thread would still be reading when the others have nothing left. */
const BUFFERS_PER_THREAD = 2

/**
 * The size of the reader's buffers, in bytes. The engine first makes a table of the lines of each buffer, and copies small tables
 * once more: with large buffers, staging takes a seventh less CPU time.
 *
 * @param largest     the size of the largest file, in bytes
 * @param memoryLimit what the engine may use, in bytes
 * @param threads     each fills a buffer at a time
 */
export function bufferBytes(largest: number, memoryLimit: number, threads: number): number {
  const room = Math.min(memoryLimit * SHARE_OF_MEMORY, largest / BUFFERS_PER_THREAD) / threads
  return 2 * Math.floor(Math.max(LEAST_BUFFER, Math.min(room, LARGEST_BUFFER)) / 2)
}

/** A text that begins like a key, which would combine with the end of the text before it into another false key. */
const COLON_FIRST = quotedString('[{,]\\s*"\\s*:')
const KEYS = quotedString('"([^"]*)"\\s*:')

/**
 * Reads files into rows (file, slow, the columns of `typed`), in the order of the files and their lines; one row for each
 * line that is not blank.
 *
 * `slow` marks lines for the slow path: those that are not events, and events whose digits the engine would change or whose
 * values may be too long. The other columns of these rows mean nothing.
 *
 * @param buffer the size of the reader's buffers, in bytes
 */
export function readEvents(paths: readonly string[], buffer: number): string {
  const count = RECORD_FIELDS.map((field) => `(${quotedIdentifier(field)} IS NOT NULL)::UTINYINT`).join(' + ')
  const texts = `
    SELECT *, CASE WHEN more THEN nullif(CAST(json_merge_patch(json, ${NOTHING_KNOWN}::JSON) AS VARCHAR), '{}') END AS unknown
    FROM (
      SELECT * EXCLUDE (all_values), CASE WHEN simple THEN false ELSE len(json_keys(json)) <> (${count}) END AS more
      FROM (
        SELECT *, ${isSimple('json', 'all_values')} AS simple
        FROM (
          SELECT *, ${VALUES} AS all_values
          FROM (
            SELECT file, json, unnest(record)
            FROM (
              SELECT right(filename, 8)::INTEGER AS file, json, from_json(json, ${TEXTS}) AS record
              FROM ${lineReader(paths, buffer)}
            )
          )
        )
      )
    )`
  const ids = IDS.map(quotedIdentifier).join(', ')
  const oddIds = `regexp_matches(concat(${ids}), '[^0-9]')`
  const zeros = `(response_code = 0 OR '0' IN (${ids})) IS TRUE`
  // One pattern over all words, because each one in a statement is compiled anew.
  const words = WORDS.map((word) => `chr(1), ${quotedIdentifier(word)}`).join(', ')
  const rewritten = `regexp_matches(concat(${words}, chr(1)), ${REWRITTEN})`
  // If everything that looks like a key occurs once in the line, no object has a key twice.
  const keys = `regexp_extract_all(json, ${KEYS}, 1)`
  const mayRepeat = `contains(json, '\\') OR regexp_matches(json, ${COLON_FIRST}) OR len(list_distinct(${keys})) <> len(${keys})`
  // CASE, because the engine evaluates both sides of OR and AND: this keeps the costly patterns off most lines.
  return `
    SELECT * EXCLUDE (json, simple, more),
      CASE
        WHEN json IS NULL OR "timestamp" IS NULL OR action IS NULL THEN true
        WHEN simple THEN false
        WHEN more OR extra IS NOT NULL OR ${oddIds} OR ${zeros} OR ${rewritten}
          OR suffix(json, ',}') OR suffix(json, ' }') OR suffix(json, chr(9) || '}') OR suffix(json, chr(13) || '}')
        THEN regexp_matches(json, ${INEXACT}) OR len(list_distinct(json_keys(json))) <> len(json_keys(json))
          OR (contains(json, '\\') AND (${oddIds} OR ${rewritten} OR ids IS NOT NULL))
          OR CASE WHEN contains(CAST(extra AS VARCHAR)[2:], '{') THEN ${mayRepeat} ELSE false END
        ELSE false
      END AS slow
    FROM (${typed({ texts, ids: undocumentedIds('unknown'), sorted, wide: false, passed: ['file', 'json', 'simple', 'more'] })})`
}

/** Reads the rows of exports, as readEvents does, but leaves all of them to the slow path: it is rare, and exact for every row. */
export const readRows = (paths: readonly string[]): string =>
  `SELECT right(filename, 8)::INTEGER AS file, true AS slow FROM ${lineReader(paths, LEAST_BUFFER)}`

/** One row for each line that is not blank; NULL for one that is not JSON. DuckDB's buffers hold two objects of the largest size. */
const lineReader = (paths: readonly string[], buffer: number): string => `
  read_ndjson_objects([${paths.map(quotedString).join(', ')}], format = 'newline_delimited', ignore_errors = true,
    filename = true, compression = 'uncompressed', maximum_object_size = ${buffer / 2})`

/**
 * Sorts the keys and drops those whose value is null, which means absent. Most objects need neither. Numbers stay exact,
 * because a line in which the engine would rewrite one takes the slow path.
 */
const sorted = (object: string): string => `CASE
    WHEN ${object} IS NULL THEN NULL
    WHEN NOT contains(${object}, 'null') AND json_keys(${object}) = list_sort(json_keys(${object})) THEN ${object}
    ELSE nullif(concat('{', array_to_string(list_transform(
      list_sort(list_filter(list_zip(json_keys(${object}), CAST(json_extract(${object}, '$.*') AS VARCHAR[])),
        lambda member: coalesce(member[2], 'null') <> 'null')),
      lambda member: concat(to_json(member[1]), ':', member[2])), ','), '}'), '{}')
  END`
