/** The report of `verify`, as text and as JSON. It contains counts, hashes, names of columns and of documents only. */

import type { Span } from '../../schemas/day-digest.js'
import { plural } from '../../schemas/words.js'
import type { Anchor } from '../archive/check-chain.js'
import { printable } from '../errors.js'
import type { Finding, Section } from '../verify/findings.js'
import { jsonLine } from './terminal.js'

/** The end, if none is given. Warehouses accept no later midnight as a constant, so the last day of 9999 is not compared. */
export const LAST_DAY = new Date('9999-12-31T00:00:00Z')

export interface Report {
  /** Null for all days. */
  readonly span: Span | null
  readonly deep: boolean
  readonly archive: Section & {
    readonly documents: number
    readonly seals: number
    /** The newest seal of each source. */
    readonly heads: readonly Anchor[]
  }
  readonly sinks: readonly Section[]
  /** Whether everything could be read. */
  readonly isComplete: boolean
}

/** There may be many when a whole sink is missing; JSON has all of them. */
const MOST_LINES = 100

export function inJson({ span, deep, archive, sinks, isComplete }: Report): string {
  const isEqual = [archive, ...sinks].every(({ findings }) => findings.length === 0)
  const [since, until] = span === null ? [null, null] : [dayText(span.from), hasEnd(span) ? dayText(span.to) : null]
  return jsonLine({ since, until, deep, equal: isEqual, complete: isComplete, archive, sinks }, process.stdout)
}

export function* inText({ span, deep, archive, sinks, isComplete }: Report): Generator<string> {
  const holds = `${plural(archive.documents, 'document')}, ${plural(archive.seals, 'seal')}`
  yield `Archive ${printable(archive.name)}: ${holds}, ${verdict(archive, 'whole')}\n`
  for (const { source, number, sha256 } of archive.heads)
    yield `newest seal of ${printable(source)}: ${number}, SHA-256 ${sha256}\n`
  yield* lines(archive)
  const days = span === null ? 'all days' : daysOf(span)
  for (const sink of sinks) {
    yield `\nSink ${printable(sink.name)}: ${verdict(sink, 'equal')} (${days}, ${deep ? 'every row' : 'by digests'})\n`
    yield* lines(sink)
  }
  if (!isComplete) yield '\nNot everything could be read: see the log.\n'
}

const verdict = ({ findings }: Section, whole: string): string =>
  findings.length === 0 ? whole : plural(findings.length, 'finding')

function* lines({ findings }: Section): Generator<string> {
  for (const finding of findings.slice(0, MOST_LINES)) yield inWords(finding)
  if (findings.length > MOST_LINES)
    yield `and ${plural(findings.length - MOST_LINES, 'more finding')}: --output json lists them\n`
}

function inWords({ what, kind, columns, source, day, document, count, ids }: Finding): string {
  const which = columns.length === 0 ? kind : `${kind}: ${columns.join(', ')}`
  const where = [source, document].filter((each) => each !== null).map(printable)
  const examples = ids.map((id) => `    ${id}\n`).join('')
  return `${day ?? 'no day'}  ${plural(count, what)} ${which}${where.length === 0 ? '' : ` (${where.join(', ')})`}\n${examples}`
}
const hasEnd = ({ to }: Span): boolean => to < LAST_DAY
const daysOf = (span: Span): string =>
  `UTC days from ${dayText(span.from)}${hasEnd(span) ? ` until ${dayText(span.to)}, exclusive` : ' on'}`
const dayText = (at: Date): string => at.toISOString().slice(0, 10)
