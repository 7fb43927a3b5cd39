/**
 * Which values of `extra` SUPER keeps exactly, and where the others go. SUPER converts JSON numbers to its own types without
 * documenting which digits survive, and may not hold a NUL at all. See docs/decisions/redshift-extra.md.
 */

import { createHash } from 'node:crypto'
import { type DuckDBConnection, type DuckDBDataChunk, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api'
import { quotedString } from '../../src/duckdb/quoting.js'
import { members, reordered } from '../../src/transform/extras.js'

/** Key in `extra` of an object that holds, for each member that SUPER does not keep exactly, its JSON text. */
export const EXACT = '_exact'
/** Key in `extra` of the id in audit_parts under which the whole extra is kept if it is too long for its row. */
export const PARTS = '_exact_parts'
/** A record's own key of such a name moves below `_exact`. Redshift may treat VARCHARs as equal that differ in trailing blanks or case. */
const OWN_KEY = new RegExp(`^(?:${EXACT}|${PARTS}) *$`, 'i')

/** So many characters always fit, beside the other columns, into the 64 KB that a row may have in the Data API; a multiple of 4 for base64. */
export const PART_CHARACTERS = 15_000
/** Two of these fit into one such row: audit_conflicts has both the kept extra and the other one. */
export const EXTRA_BYTES = 24_000

/** Numbers with a fraction, an exponent, 19 digits or more, or a signed zero. */
const INEXACT = '[0-9][.eE]|[0-9]{19}|-0'
/** Numbers that SUPER may refuse because they are neither a double nor a decimal of 38 digits. */
const BEYOND = /[eE][+-]?[0-9]{3}|[0-9.]{36}/
const STRINGS = '"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"'
/** SUPER allows 1,000 levels. https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html */
const DEPTH = 900

/** It is not documented whether SUPER accepts an empty key. */
const EMPTY_KEY = '[{,]"":'

const [strings, inexact, emptyKey] = [new RegExp(STRINGS, 'g'), new RegExp(INEXACT), new RegExp(EMPTY_KEY)]
const nul = /(?<!\\)(?:\\\\)*\\u0000/

/**
 * The JSON text that becomes the SUPER value of an extra: its members without those that SUPER may refuse, and below `_exact`
 * the exact texts of those that it may refuse or change. If that does not fit, or a key may be refused, the value is only the
 * id under which audit_parts has the whole text.
 *
 * @param extra the exact text of a JSON object
 */
export function superText(extra: string): string {
  const reference = (): string => `{"${PARTS}":"${createHash('sha256').update(extra).digest('hex')}"}`
  if (Buffer.byteLength(extra) > EXTRA_BYTES) return reference()
  const kept: string[] = []
  const exact: string[] = []
  for (const [key, value] of members(extra)) {
    if (key === '' || key.includes('\0')) return reference()
    const bare = value.replace(strings, '""')
    const refused = OWN_KEY.test(key) || nul.test(value) || emptyKey.test(value) || BEYOND.test(bare) || isDeep(bare)
    // Keys are sorted, because Redshift compares the texts of values.
    const text = refused ? value : reordered(value)
    if (!refused) kept.push(`${JSON.stringify(key)}:${text}`)
    if (refused || inexact.test(bare)) exact.push(`${JSON.stringify(key)}:${JSON.stringify(text)}`)
  }
  if (exact.length > 0) kept.push(`"${EXACT}":{${exact.join(',')}}`)
  const text = `{${kept.join(',')}}`
  return Buffer.byteLength(text) <= EXTRA_BYTES ? text : reference()
}

function isDeep(bare: string): boolean {
  let depth = 0
  for (const character of bare) {
    if (character === '{' || character === '[') depth++
    if (character === '}' || character === ']') depth--
    if (depth > DEPTH) return true
  }
  return false
}

const FUNCTION = 'redshift_super_text'

/** Defines `superText` in the engine, unless it is defined already. */
export function registerSuperText(engine: DuckDBConnection): void {
  engine.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: FUNCTION,
      parameterTypes: [VARCHAR],
      returnType: VARCHAR,
      mainFunction: (_info, input: DuckDBDataChunk, output) => {
        const texts = input.getColumnVector(0)
        for (let row = 0; row < input.rowCount; row++) {
          const text = texts.getItem(row)
          output.setItem(row, text === null ? null : superText(String(text)))
        }
        output.flush()
      },
    }),
  )
}

/** The engine's condition that holds for nearly every extra: flat, without an odd key, and exact in SUPER. */
const bare = `regexp_replace(${EXACT}, ${quotedString(STRINGS)}, '""', 'g')`
const IS_PLAIN = [
  `strlen(${EXACT}) <= ${EXTRA_BYTES}`,
  `NOT contains(${EXACT}, '\\u0000')`,
  `NOT regexp_matches(${EXACT}, ${quotedString(EMPTY_KEY)})`,
  `NOT contains(lower(${EXACT}), '"${EXACT}')`,
  `NOT regexp_matches(${bare}, ${quotedString(`${INEXACT}|.[{]`)})`,
  `length(${bare}) - length(replace(${bare}, '[', '')) <= ${DEPTH}`,
].join(' AND ')

/** The engine's expression for the SUPER text of column `_exact`, the exact text of an extra; null if there is none. */
export const SUPER_TEXT = `CASE WHEN ${EXACT} IS NULL OR (${IS_PLAIN}) THEN ${EXACT} ELSE ${FUNCTION}(${EXACT}) END`

/** A shorter text always fits, even after all its characters are escaped in a JSON string. */
const SURELY_FITS = Math.floor(EXTRA_BYTES / 8)

/** Whether an extra may have to be kept whole in audit_parts. */
export const mayNeedParts = (text: string): string =>
  `(strlen(${text}) > ${SURELY_FITS} OR contains(${text}, '\\u0000') OR regexp_matches(${text}, ${quotedString(EMPTY_KEY)}))`

/** Condition on a SUPER text: the whole extra is in audit_parts. */
export const isReference = (text: string): string => `starts_with(${text}, '{"${PARTS}":')`
