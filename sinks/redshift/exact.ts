/**
 * What of `extra` SUPER can be trusted with, and where the rest is kept. SUPER makes numbers of its own of JSON's, and
 * whether digits survive is not documented; a NUL it may not hold at all. See docs/decisions/redshift-extra.md.
 */

import { literal } from './place.js'

/** Key in `extra` of the exact JSON text, where what stands beside it is not exact. Also the engine's column of that text. */
export const EXACT = '_exact'
/** Key in `extra` of the number of parts of that text in audit_parts, where it is too long to stand in the row. */
export const PARTS = '_exact_parts'

/** As many characters as surely fit, beside the other columns, into the 64 KB a row may have in the Data API; a multiple of 4 for base64. */
export const PART_CHARACTERS = 15_000
const EXTRA_BYTES = 50_000
/** SUPER nests 1,000 deep. https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html */
const OPENINGS = 900

const STRINGS = literal('"(?:[^"\\\\]|\\\\.)*"')
/** Numbers with a fraction, an exponent, 19 digits or a signed zero. */
const INEXACT = literal('[0-9][.eE]|[0-9]{19}|-0')
/** Numbers that SUPER may refuse: neither a double nor a decimal of 38 digits. */
const BEYOND = literal('[eE][+-]?[0-9]{3}|[0-9.]{36}')

/**
 * The engine's expression for the JSON text that becomes the SUPER value: the exact text itself, where that can be trusted;
 * else the text with its exact form under a key of its own, or the exact form alone, or how many parts it has.
 *
 * @param exact expression for the exact JSON text of an object; null: there is no extra
 */
export function superText(exact: string): string {
  const bare = `regexp_replace(${exact}, ${STRINGS}, '""', 'g')`
  const nul = `contains(${exact}, '\\u0000')`
  const own = `contains(${exact}, '"${EXACT}')`
  const navigable = `NOT ${nul} AND NOT ${own} AND NOT regexp_matches(${bare}, ${BEYOND}) AND ${openings(bare)} <= ${OPENINGS}`
  const trusted = `${navigable} AND NOT regexp_matches(${bare}, ${INEXACT})`
  const member = `concat('"${EXACT}":', CAST(to_json(${exact}) AS VARCHAR), '}')`
  return `CASE
    WHEN ${exact} IS NULL THEN NULL
    WHEN strlen(${exact}) <= ${EXTRA_BYTES} AND ${trusted} THEN ${exact}
    WHEN strlen(${exact}) + strlen(${member}) <= ${EXTRA_BYTES} AND ${navigable} THEN concat(left(${exact}, -1), ',', ${member})
    WHEN strlen(${member}) <= ${EXTRA_BYTES} THEN concat('{', ${member})
    ELSE concat('{"${PARTS}":', (length(${exact}) - 1) // ${PART_CHARACTERS} + 1, '}')
  END`
}

const openings = (text: string): string => `length(regexp_replace(${text}, '[^\\[{]', '', 'g'))`
