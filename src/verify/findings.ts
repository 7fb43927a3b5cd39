/** What `verify` finds: in an archive and in each sink. Findings have no value of an event or a reject. */

export interface Finding {
  /** Of what: for example an event, a reject, a receipt, a document of the archive. */
  readonly what: string
  /** `missing`, `extra` or `altered`: beside what the archive says. */
  readonly kind: 'missing' | 'extra' | 'altered'
  /** The columns in which an altered one differs. */
  readonly columns: readonly string[]
  /** The id of its source; null if it is not known. */
  readonly source: string | null
  /** UTC, `2026-10-01`; null if it is not known. */
  readonly day: string | null
  /** The document or object; null for events, which many documents may have. */
  readonly document: string | null
  /** How many of them there are. */
  readonly count: number
  /** What a few of them can be found by: a content_hash, a reject_id. Only if they are 64 hexadecimal digits. */
  readonly ids: readonly string[]
}

/** What one place, an archive or a sink, was found to be. */
export interface Section {
  /** Its address, without secrets. */
  readonly name: string
  readonly findings: readonly Finding[]
}

/** Of a finding. */
export const MOST_IDS = 3

/** A list that the engine returns as one text, with commas. */
export const listed = (text: unknown): string[] =>
  String(text ?? '')
    .split(',')
    .filter(Boolean)

export const isHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

/** Findings in the order of days, those without a day last. */
export const sorted = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted((a, b) => order(a) - order(b) || compare(a.day, b.day) || compare(a.document, b.document))

const order = ({ day }: Finding): number => (day === null ? 1 : 0)
const compare = (a: string | null, b: string | null): number => {
  if (a === b) return 0
  return (a ?? '') < (b ?? '') ? -1 : 1
}
