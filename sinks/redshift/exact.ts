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

/** The engine's column of the exact JSON text without what stands in its strings. */
const BARE = '_bare'

/** A text shorter than this fits, whatever its characters become within a JSON string. */
const SURELY_FITS = Math.floor(EXTRA_BYTES / 8)

/** Whether a text is so long that it may have to go in parts. */
export const mayBeLong = (text: string): string => `strlen(${text}) > ${SURELY_FITS}`

/** SELECTs the rows of a relation with a column `_exact` (null: there is no extra) with one more, which `SUPER_TEXT` needs. */
export const withBare = (relation: string): string =>
  `(SELECT *, CASE WHEN ${EXACT} IS NOT NULL THEN regexp_replace(${EXACT}, ${STRINGS}, '""', 'g') END AS ${BARE} FROM ${relation})`

const NAVIGABLE = [
  `NOT contains(${EXACT}, '\\u0000')`,
  `NOT contains(${EXACT}, '"${EXACT}')`,
  `NOT regexp_matches(${BARE}, ${BEYOND})`,
  `2 * length(${BARE}) - length(replace(${BARE}, '[', '')) - length(replace(${BARE}, '{', '')) <= ${OPENINGS}`,
].join(' AND ')

const MEMBER = `concat('"${EXACT}":', CAST(to_json(${EXACT}) AS VARCHAR), '}')`

/**
 * The engine's expression for the JSON text that becomes the SUPER value: the exact text itself, where that can be trusted;
 * else the text with its exact form under a key of its own, or the exact form alone, or how many parts it has.
 */
export const SUPER_TEXT = `CASE
    WHEN ${EXACT} IS NULL THEN NULL
    WHEN strlen(${EXACT}) <= ${EXTRA_BYTES} AND NOT regexp_matches(${BARE}, ${INEXACT}) AND ${NAVIGABLE} THEN ${EXACT}
    WHEN strlen(${EXACT}) <= ${EXTRA_BYTES} AND strlen(${EXACT}) + strlen(${MEMBER}) <= ${EXTRA_BYTES} AND ${NAVIGABLE}
      THEN concat(left(${EXACT}, -1), ',', ${MEMBER})
    WHEN strlen(${EXACT}) <= ${EXTRA_BYTES} AND strlen(${MEMBER}) <= ${EXTRA_BYTES} THEN concat('{', ${MEMBER})
    ELSE concat('{"${PARTS}":', (length(${EXACT}) - 1) // ${PART_CHARACTERS} + 1, '}')
  END`
