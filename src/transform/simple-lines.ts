/** Recognises most lines as certainly exact, so that the checks which look at their keys and at each value can be left out. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'

/** Fields that hold digits only in nearly every log. */
export const DIGITS = RECORD_FIELDS.filter((field) => /_asset$|_id$|^response_code$/.test(field))
export const STRINGS = RECORD_FIELDS.filter((field) => !DIGITS.includes(field))

/** JSON does not allow this character within a line, except escaped. */
const SEPARATOR = 'chr(1)'
const ALL_DIGITS = quotedString('^[0-9]*\\x01')
/** A value between separators that may not have been a string. */
const NO_STRING = quotedString(
  '\\x01(?:(?:-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|-?(?i:nan|inf|infinity))\\x01|[{\\[])',
)

/** SQL for one text of all values of a line: those of DIGITS, then each of STRINGS behind a separator. */
export const VALUES = `concat(${DIGITS.map(quotedIdentifier).join(', ')}, ${SEPARATOR}, ${STRINGS.map(
  (field) => `${quotedIdentifier(field)}, ${SEPARATOR}`,
).join(', ')})`

/**
 * SQL for whether a line holds nothing but documented keys, each once, with integers or strings without escapes, and no white
 * space. It is then exactly as long as its values, their keys and the punctuation. Anything else that a line may hold makes it
 * longer. Only a value that should be a string and is none makes it shorter, and could hide something: NO_STRING finds those.
 *
 * @param line   expression for the line's text, which is valid JSON or NULL
 * @param values expression for VALUES
 */
export function isSimple(line: string, values: string): string {
  const [quotes, punctuation] = [2, '"":,'.length]
  const keys = RECORD_FIELDS.map((field) => {
    const bytes = field.length + punctuation + (STRINGS.includes(field) ? quotes : 0)
    return `CASE WHEN ${quotedIdentifier(field)} IS NULL THEN 0 ELSE ${bytes} END`
  })
  const separators = STRINGS.length + 1
  const bracesLessLastComma = 1
  // Two patterns: joined into one, they would take more than twice as long.
  return `CASE WHEN strlen(${line}) = strlen(${values}) + ${keys.join(' + ')} + ${bracesLessLastComma - separators}
    THEN regexp_matches(${values}, ${ALL_DIGITS}) AND NOT regexp_matches(${values}, ${NO_STRING}) ELSE false END`
}
