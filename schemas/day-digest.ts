/**
 * A digest of events that does not depend on their order, in the SQL of each warehouse: per UTC hour, the sum over the rows of
 * the first 60 bits of SHA-256 over salt, timestamp and content_hash. docs/decisions/day-digest.md says what it proves.
 */

import { DUCKDB } from './ddl.js'

/** A UTC range [from, to). */
export interface Span {
  readonly from: Date
  readonly to: Date
}

/** What the warehouses write differently. */
export interface DigestForms {
  column(name: string): string
  /** An instant as a constant, so that other days are not read. */
  instant(at: Date): string
  /** `2026-10-01 12:34:56.123456`, in UTC. */
  utcText(instant: string): string
  /** The first 15 hex digits of a text's SHA-256 as an integer, of a type whose SUM is exact. */
  hashNumber(text: string): string
  /** An integer in digits. */
  digits(integer: string): string
}

export const DUCKDB_DIGEST: DigestForms = {
  column: DUCKDB.quote,
  instant: (at) => `TIMESTAMPTZ '${at.toISOString()}'`,
  // A session's time zone has no part in this.
  utcText: (instant) => `strftime(make_timestamp(epoch_us(${instant})), '%Y-%m-%d %H:%M:%S.%f')`,
  // The sum of BIGINTs is a HUGEINT.
  hashNumber: (text) => `CAST('0x' || SUBSTR(sha256(${text}), 1, 15) AS BIGINT)`,
  digits: (integer) => `CAST(${integer} AS VARCHAR)`,
}

/**
 * SELECTs utc_hour (`2026-10-01 12`), events and digest (an integer, as text), a row for each hour with events.
 *
 * @param salt hexadecimal digits
 */
export function hourDigests(forms: DigestForms, events: string, span: Span, salt: string): string {
  const { utcText, hashNumber, digits, column } = forms
  if (!/^[0-9a-f]*$/.test(salt)) throw new Error('a salt is hexadecimal')
  const text = utcText(column('timestamp'))
  return `
          SELECT utc_hour, count(*) AS events, ${digits('sum(number)')} AS digest
          FROM (
            SELECT SUBSTR(${text}, 1, 13) AS utc_hour, ${hashNumber(`'${salt} ' || ${text} || ' ' || content_hash`)} AS number
            FROM ${events} WHERE ${isWithin(forms, [span])}
          ) AS numbered
          GROUP BY utc_hour ORDER BY utc_hour`
}

/** SELECTs newest, the greatest timestamp of events in the span; null when there is none. */
export const newestEvent = (forms: DigestForms, events: string, span: Span): string => `
          SELECT max(${forms.column('timestamp')}) AS newest FROM ${events} WHERE ${isWithin(forms, [span])}`

/** SELECTs utc (the instant as text) and content_hash, a row for each event of the spans. */
export const identities = (forms: DigestForms, events: string, spans: readonly Span[]): string => `
          SELECT ${forms.utcText(forms.column('timestamp'))} AS utc, content_hash FROM ${events} WHERE ${isWithin(forms, spans)}`

/**
 * Condition: the event lies in one of the spans, at least one, in ascending order. The outer bounds are repeated on their own,
 * for planners that do not use OR.
 */
export function isWithin({ column, instant }: DigestForms, spans: readonly Span[]): string {
  const at = column('timestamp')
  const between = (first?: Span, last = first): string =>
    first === undefined || last === undefined
      ? 'FALSE'
      : `${at} >= ${instant(first.from)} AND ${at} < ${instant(last.to)}`
  if (spans.length < 2) return between(spans[0])
  return `${between(spans[0], spans.at(-1))} AND (${spans.map((span) => between(span)).join(' OR ')})`
}
