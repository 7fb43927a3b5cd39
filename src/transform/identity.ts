/**
 * The SQL of `content_hash`, version 1: SHA-256 over twelve fields, each `-` or `<length in bytes>:<text>`, followed by the
 * ids that W&B does not document. docs/decisions/identity-without-names.md explains why.
 */

import { IDENTITY_FIELDS, RECORD_FIELDS } from '../../schemas/tables.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'

const YEAR = '(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})'
const DATE = '[0-9]{2}-[0-9]{2}'
const TIME = '(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
const OFFSET = '[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]'

/** The form that W&B documents, which can be cast without taking it apart. */
const PLAIN = quotedString(`${YEAR}-${DATE}T${TIME}Z`)
const RFC3339 = quotedString(`[0-9]{4}-${DATE}[Tt]${TIME}(?:\\.[0-9]+)?(?:${OFFSET})`)
/** The texts that a `timestamp` column reproduces exactly: UTC, at most six digits, no trailing zero. */
const EXACT = quotedString('.{10}T.{8}(?:\\.[0-9]{0,5}[1-9])?Z')

const fraction = (text: string): string => `regexp_extract(${text}, '[.]([0-9]+)', 1)`

/** SQL for whether an RFC 3339 text has the plain form: whole seconds, UTC. */
export const isPlainTime = (text: string): string => `coalesce(regexp_full_match(${text}, ${PLAIN}), false)`

/**
 * SQL for the instant of an RFC 3339 text, truncated to microseconds; NULL when the text is not RFC 3339 or lies outside
 * the years 0001–9999.
 *
 */
export function instantOf(text: string, plain: string): string {
  const taken = `try_cast(concat(${text}[1:10], ' ', ${text}[12:19], '.', rpad(${fraction(text)}, 6, '0')[1:6],
    upper(regexp_extract(${text}, ${quotedString(`(?:${OFFSET})$`)}))) AS TIMESTAMPTZ)`
  return `CASE
    WHEN ${plain} THEN try_cast(${text} AS TIMESTAMPTZ)
    WHEN regexp_full_match(${text}, ${RFC3339}) THEN
      CASE WHEN ${taken} BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00Z' AND TIMESTAMPTZ '9999-12-31 23:59:59.999999Z'
        THEN ${taken} END
    END`
}

/** SQL for whether the instant, written in UTC with up to six digits as needed, equals the text. */
export const isExactTime = (text: string, plain: string): string =>
  `CASE WHEN ${plain} THEN true ELSE regexp_full_match(${text}, ${EXACT}) END`

/** SQL for the instant as integer nanoseconds since 1970 UTC, as text: `instant` has the microseconds, `text` the rest. */
export function nanosecondsOf(instant: string, text: string, plain: string): string {
  const rest = `rpad(${fraction(text)}, 9, '0')[7:9]`
  return `CASE
    WHEN ${plain} AND epoch_us(${instant}) > 0 THEN concat(epoch_us(${instant}), '000')
    ELSE CAST(epoch_us(${instant})::HUGEINT * 1000 + ${rest}::INTEGER AS VARCHAR) END`
}

/** Keys whose values are ids, such as `run_asset` or `job_id`: events that differ in one of them are different events. */
const ID_KEY = '_(?:asset|id)'

/**
 * SQL for what the undocumented ids of a record add to the hash's text: `,<bytes>:<key>=<bytes>:<text>` for each, ordered
 * by the keys' code points. NULL or empty when there are none.
 *
 * @param object expression for a JSON object; its documented keys are ignored
 */
export function undocumentedIds(object: string): string {
  // Reads all keys and all values at once: looking up one key at a time would be quadratic in a wide object.
  return `CASE WHEN regexp_matches(${object}, ${quotedString(`${ID_KEY}"`)}) THEN array_to_string(list_transform(
    list_sort(list_filter(list_zip(json_keys(${object}), json_extract_string(${object}, '$.*')),
      lambda member: member[2] IS NOT NULL AND regexp_matches(member[1], ${quotedString(`${ID_KEY}$`)})
        AND member[1] NOT IN (${RECORD_FIELDS.map(quotedString).join(', ')}))),
    lambda member: concat(',', strlen(member[1]), ':', member[1], '=', strlen(member[2]), ':', member[2])), '') END`
}

/**
 * SQL for the hash's text.
 *
 * @param nanoseconds expression for the timestamp's text
 * @param ids         expression for `undocumentedIds`
 * @param text        expression for the text of each of the other eleven fields; NULL when the field is absent
 */
export function identityText(
  nanoseconds: string,
  ids: string,
  text: (field: string) => string = quotedIdentifier,
): string {
  const fields = IDENTITY_FIELDS.filter((field) => field !== 'timestamp').map((field) => {
    const value = text(field)
    return `strlen(${value}), CASE WHEN ${value} IS NULL THEN '-' ELSE ':' END, ${value}`
  })
  return `concat(strlen(${nanoseconds}), ':', ${nanoseconds}, ',', ${fields.join(", ',', ")}, ${ids})`
}

/**
 * SELECTs the rows of `events`, a relation with the columns of audit_events, and adds `identity`: the hash's text, taken
 * from the row alone (`extra` holds what a column could not). With it, anyone can recompute a hash from a loaded row.
 *
 * @param ids expression for `undocumentedIds`; when taken from `extra`, an id that is a fraction loses trailing zeros
 */
export function withIdentityText(events: string, ids = undocumentedIds('extra')): string {
  const paths = IDENTITY_FIELDS.map((field) => quotedString(`$.${field}`)).join(', ')
  const kept = (field: string): string => `kept[${IDENTITY_FIELDS.indexOf(field) + 1}]`
  const nanoseconds = `CASE WHEN ${kept('timestamp')} IS NULL
    THEN CAST(epoch_us("timestamp")::HUGEINT * 1000 AS VARCHAR)
    ELSE ${nanosecondsOf('"timestamp"', kept('timestamp'), 'false')} END`
  const text = identityText(
    nanoseconds,
    ids,
    (field) => `coalesce(${kept(field)}, CAST(${quotedIdentifier(field)} AS VARCHAR))`,
  )
  return `SELECT * EXCLUDE (kept), ${text} AS identity
    FROM (SELECT *, json_extract_string(extra, [${paths}]) AS kept FROM ${events})`
}
