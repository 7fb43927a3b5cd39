/**
 * What `verify` asks a sink, in the SQL of each warehouse: digests of events and rejects over all that the archive determines,
 * and the rows themselves. docs/verify.md says what this proves.
 */

import { type DigestForms, DUCKDB_DIGEST, isWithin, type Span } from './day-digest.js'
import { AUDIT_EVENTS, type Column } from './tables.js'

/** What the warehouses write differently. Arguments are SQL expressions. */
export interface ProofForms extends DigestForms {
  /** How many bytes a text has. */
  byteLength(text: string): string
  /** Lower-case hex. */
  sha256(text: string): string
  /** Texts one after the other, none of which is null. */
  joined(texts: readonly string[]): string
  /** The text of a JSON value; null stays null. */
  jsonText(json: string): string
  /** How JSON is kept: as its text, parsed, or parsed into numbers that may lose digits. Digests cover only texts. */
  readonly jsonKept: 'text' | 'parsed' | 'rounded'
  /**
   * Condition: a rejected line is kept as base64, because it has a NUL; absent where texts can have one.
   *
   * @param reject prefix of the columns of audit_rejects
   */
  isBase64?(reject: string): string
}

export const DUCKDB_PROOF: ProofForms = {
  ...DUCKDB_DIGEST,
  byteLength: (text) => `strlen(${text})`,
  sha256: (text) => `sha256(${text})`,
  // Each || would copy all that is before it, which makes a digest half as dear again.
  joined: (texts) => `concat(${texts.join(', ')})`,
  jsonText: (json) => `CAST(${json} AS VARCHAR)`,
  jsonKept: 'text',
}

/** The columns that the archive determines: all but the provenance. */
export const PROVEN_COLUMNS: readonly Column[] = AUDIT_EVENTS.columns.filter(
  (column) => column.class !== 'provenance' && column.name !== 'timestamp',
)

/** Longer texts go into a digest as their SHA-256, because no warehouse's text may hold all of them side by side. */
const LONG_BYTES = 1000
/** Only shorter texts of rejects go into a digest: Redshift cuts longer ones at another place. */
const WHOLE_REJECT_BYTES = 10_000

/** A value as part of a digest's text: no two rows with different values have the same text. */
function cell({ byteLength, sha256, digits, joined }: ProofForms, text: string): string {
  const bytes = byteLength(text)
  const [long, short] = [joined(["'#'", sha256(text)]), joined([digits(bytes), "':'", text])]
  return `CASE WHEN ${text} IS NULL THEN '-' WHEN ${bytes} > ${LONG_BYTES} THEN ${long} ELSE ${short} END`
}

/** With a comma before each text but the first, on a line of the statement of its own. */
const separated = (texts: readonly string[]): string[] =>
  texts.flatMap((text, i) => (i === 0 ? [text] : ["\n                ','", text]))

/** A column's value as text; null stays null. */
function textOf(forms: ProofForms, { name, type }: Column): string {
  const column = forms.column(name)
  if (type === 'integer') return forms.digits(column)
  return type === 'json' ? forms.jsonText(column) : column
}

/**
 * SELECTs utc_hour (`2026-10-01 12`), events and digest (an integer, as text), a row for each hour with events. The digest
 * covers the timestamp and all of PROVEN_COLUMNS; of `extra` only whether there is any, unless `withExtra`.
 *
 * @param span null for all events
 * @param salt hexadecimal digits
 */
export function eventDigests(
  forms: ProofForms,
  events: string,
  span: Span | null,
  salt: string,
  withExtra: boolean,
): string {
  if (!/^[0-9a-f]*$/.test(salt)) throw new Error('a salt is hexadecimal')
  const utc = forms.utcText(forms.column('timestamp'))
  const cells = PROVEN_COLUMNS.map((column) =>
    column.type === 'json' && !withExtra
      ? `CASE WHEN ${forms.column(column.name)} IS NULL THEN '-' ELSE '+' END`
      : cell(forms, textOf(forms, column)),
  )
  return `
          SELECT utc_hour, count(*) AS events, ${forms.digits('sum(number)')} AS digest
          FROM (
            SELECT SUBSTR(${utc}, 1, 13) AS utc_hour,
              ${forms.hashNumber(forms.joined([`'${salt} '`, utc, "' '", ...separated(cells)]))} AS number
            FROM ${events} WHERE ${within(forms, span)}
          ) AS numbered
          GROUP BY utc_hour`
}

/** SELECTs utc (the timestamp as text, to the microsecond) and PROVEN_COLUMNS as texts, a row for each event of the span. */
export function eventRows(forms: ProofForms, events: string, span: Span): string {
  const columns = PROVEN_COLUMNS.map((column) => `${textOf(forms, column)} AS ${forms.column(column.name)}`)
  return `
          SELECT ${forms.utcText(forms.column('timestamp'))} AS utc, ${columns.join(', ')}
          FROM ${events} WHERE ${within(forms, span)}`
}

const YEAR_10000 = Date.UTC(10_000, 0)

/** No warehouse has an instant after the last event there can be. */
function within(forms: ProofForms, span: Span | null): string {
  if (span === null) return 'TRUE'
  if (span.to.getTime() < YEAR_10000) return isWithin(forms, [span])
  return `${forms.column('timestamp')} >= ${forms.instant(span.from)}`
}

/**
 * SELECTs source_document, rejects and digest (an integer, as text), a row for each document with rejects. The digest covers
 * reject_id, reason and, of lines that are not too long, their text.
 *
 * @param apart condition: the text is left out; absent if none is
 */
export function rejectDigests(forms: ProofForms, rejects: string, salt: string, apart = 'FALSE'): string {
  if (!/^[0-9a-f]*$/.test(salt)) throw new Error('a salt is hexadecimal')
  const raw = forms.column('raw')
  const line = `CASE WHEN ${forms.byteLength(raw)} > ${WHOLE_REJECT_BYTES} OR ${apart} THEN '+'
              ELSE ${forms.sha256(raw)} END`
  const text = forms.joined([`'${salt} '`, ...separated([cell(forms, 'reject_id'), cell(forms, 'reason'), line])])
  return `
          SELECT source_document, count(*) AS rejects, ${forms.digits('sum(number)')} AS digest
          FROM (SELECT source_document, ${forms.hashNumber(text)} AS number FROM ${rejects}) AS numbered
          GROUP BY source_document`
}

/**
 * SELECTs reject_id, source_document, reason, is_base64, piece and raw: a row for each piece of each rejected line, in their
 * order; the first piece has number 1.
 */
export function rejectRows(forms: ProofForms, rejects: string, pieces: string): string {
  const raw = forms.column('raw')
  const isBase64 = (reject: string): string => `${forms.isBase64?.(reject) ?? 'FALSE'} AS is_base64`
  return `
          SELECT reject_id, source_document, reason, is_base64, piece, ${raw} FROM (
            SELECT reject_id, source_document, reason, ${isBase64('')}, 1 AS piece, ${raw} FROM ${rejects}
            UNION ALL
            SELECT r.reject_id, r.source_document, r.reason, ${isBase64('r.')}, p.piece, p.${raw}
            FROM ${rejects} AS r JOIN ${pieces} AS p ON p.reject_id = r.reject_id
          ) AS all_pieces
          ORDER BY reject_id, piece`
}
