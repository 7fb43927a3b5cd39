/** The report of `reconcile`, as text and as JSON. It contains counts, digests, hashes and names of documents only. */

import { number, plural } from '../../schemas/words.js'
import { printable } from '../errors.js'
import { type Compared, dayOf, type Hole, type HourCount, startOf } from '../reconcile/hours.js'
import type { Report } from '../reconcile/reconcile.js'
import type { MissingRejects } from '../reconcile/rejects.js'
import { type Difference, MOST_HASHES } from '../reconcile/rows.js'
import { jsonLine } from './terminal.js'

/** There may be many when a whole sink is missing; JSON has all of them. */
const MOST_LINES = 40
/** Of a day, with a line each. */
const MOST_HOURS = 3

export interface Findings {
  readonly report: Report
  readonly rejects: readonly MissingRejects[]
  /** Whether all documents of the sources could be read. */
  readonly isComplete: boolean
}

export const isEqual = ({ report, rejects }: Findings): boolean => report.hours.length === 0 && rejects.length === 0

/** Lists of counts and copies are in the order of `parties`. */
export function inJson(findings: Findings): string {
  const { report, rejects, isComplete } = findings
  const { span, salt, parties, days, hours, differences, holes, silent } = report
  const counted = ({ counts, isEqual }: Compared) => ({
    equal: isEqual,
    counts: counts.map(({ events, digest }) => ({ events, digest: String(digest) })),
  })
  return jsonLine(
    {
      ...{ since: dayText(span.from), until: dayText(span.to), salt, equal: isEqual(findings), complete: isComplete },
      parties: parties.map(({ name, kind }) => ({ name, kind })),
      days: days.map((day) => ({ day: day.at, ...counted(day) })),
      hours: hours.map((hour) => ({ hour: instantOf(hour.at), ...counted(hour) })),
      rows: differences.map(({ hour, copies, rows, hashes }) => ({
        ...{ hour: instantOf(hour), copies, rows, content_hashes: hashes },
      })),
      holes: holes.map(({ from, until, ...hole }) => ({ ...hole, from: instantOf(from), until: instantOf(until) })),
      days_without_events: silent,
      rejects: rejects.map(({ inSource, inSink, ...each }) => ({ ...each, in_source: inSource, in_sink: inSink })),
    },
    process.stdout,
  )
}

export function* inText(findings: Findings): Generator<string> {
  const { report, rejects, isComplete } = findings
  const { span, parties, days, hours, differences, holes, silent } = report
  const names = parties.map(({ name }) => printable(name))
  yield `UTC days from ${dayText(span.from)} until ${dayText(span.to)}, exclusive\n`
  for (const [i, { kind }] of parties.entries()) yield `${letter(i)}: ${kind} ${names[i]}\n`
  yield '\nEvents, and the digest of each day\n'
  yield* table(days)
  if (holes.length > 0) {
    yield '\nHoles\n'
    yield* shortened(
      holes.map((hole) => holeInWords(hole, parties)),
      'holes',
    )
  }
  // A party without an event in the hour is in the list of holes.
  const others = hours.filter(({ counts }) => counts.every(({ events }) => events > 0))
  if (others.length > 0) {
    yield '\nOther hours that differ\n'
    yield* shortened([...table(others)], 'hours')
  }
  if (differences.length > 0) {
    yield '\nRows that not all of them have, with some of their content_hash\n'
    yield* shortened(
      byDay(differences).map((each) => rowsInWords(each, names)),
      'lines',
    )
  }
  if (days.every(({ counts }) => counts.every(({ events }) => events === 0)))
    yield '\nNone of them has an event on these days.\n'
  for (const day of silent) yield `\nNone of them has an event on ${day}.`
  if (silent.length > 0) yield '\n'
  if (rejects.length > 0) {
    yield '\nRejects that are missing in a sink\n'
    yield* shortened(rejects.map(rejectsInWords), 'documents')
  }
  const verdict = isEqual(findings) ? 'Equal' : 'They differ'
  yield `\n${verdict}${isComplete ? '' : ', but not all documents of the sources could be read: see the log'}.\n`
}

function* table(all: readonly Compared[]): Generator<string> {
  const width = Math.max(...all.flatMap(({ counts }) => counts.map(({ events }) => number(events).length)), 8)
  for (const { at, counts, isEqual } of all) {
    const cells = counts.map((each, i) => `  ${letter(i)} ${number(each.events).padStart(width)} ${shortDigest(each)}`)
    yield `${hourText(at)}${cells.join('')}${isEqual ? '' : '  differs'}\n`
  }
}

interface Lines extends Omit<Difference, 'hour'> {
  readonly hours: readonly string[]
}

/** Rows that the same parties have: a line for each hour, or one for many hours of a day. */
function byDay(differences: readonly Difference[]): readonly Lines[] {
  const groups = new Map<string, Difference[]>()
  for (const each of differences) {
    const key = `${dayOf(each.hour)} ${each.copies}`
    groups.set(key, [...(groups.get(key) ?? []), each])
  }
  return [...groups.values()].flatMap((group): Lines[] => {
    if (group.length <= MOST_HOURS) return group.map(({ hour, ...rest }) => ({ hours: [hour], ...rest }))
    const rows = group.reduce((sum, each) => sum + each.rows, 0)
    const hashes = group.flatMap((each) => each.hashes).slice(0, MOST_HASHES)
    return [{ copies: group[0]?.copies ?? [], hashes, rows, hours: group.map(({ hour }) => hour) }]
  })
}

function rowsInWords({ hours, copies, rows, hashes }: Lines, names: readonly string[]): string {
  const having = (wanted: (n: number) => boolean): string => names.filter((_, i) => wanted(copies[i] ?? 0)).join(', ')
  const [first = ''] = hours
  const when = hours.length === 1 ? hourText(first) : `${dayOf(first)}, ${hours.length} hours`
  const only = having((n) => n === 0) === '' ? '' : ` only in ${having((n) => n > 0)}`
  const repeated = having((n) => n > 1)
  const more = repeated === '' ? '' : ` more than once in ${repeated}`
  const examples = hashes.map((hash) => `    ${hash}\n`).join('')
  return `${when}: ${plural(rows, 'row')}${only}${more}\n${examples}`
}

function holeInWords({ party, kind, from, until, events }: Hole, parties: Report['parties']): string {
  const isSource = parties.some((each) => each.name === party && each.kind === 'source')
  const what =
    kind === 'stopped'
      ? `has had no event since ${hourText(from)}`
      : `has no event from ${hourText(from)} until ${hourText(until)}`
  const advice = kind === 'stopped' && isSource ? '. Is it still written to? See docs/reconcile.md' : ''
  return `${printable(party)} ${what}; another has ${number(events)}${advice}\n`
}

const rejectsInWords = ({ source, sink, document, inSource, inSink }: MissingRejects): string =>
  `${printable(document)}: ${number(inSource)} from ${printable(source)}, ${number(inSink)} in ${printable(sink)}\n`

function* shortened(lines: readonly string[], what: string): Generator<string> {
  yield* lines.slice(0, MOST_LINES)
  if (lines.length > MOST_LINES)
    yield `and ${number(lines.length - MOST_LINES)} more ${what}: --output json lists them\n`
}

/** Names may be long, so columns have letters. */
const letter = (i: number): string => String.fromCharCode(65 + (i % 26)) + (i < 26 ? '' : String(Math.floor(i / 26)))
/** Enough to see whether two are the same. */
const shortDigest = ({ digest }: HourCount): string => digest.toString(16).padStart(8, '0').slice(-8)
const hourText = (at: string): string => (at.length === 10 ? at : `${at}:00`)
const dayText = (at: Date): string => at.toISOString().slice(0, 10)
const instantOf = (hour: string): string => new Date(startOf(hour)).toISOString().replace('.000Z', 'Z')
