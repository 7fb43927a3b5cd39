/** The conditions of `status --fail-on`: when a sink needs attention. */

import { InvalidArgumentError } from 'commander'
import { DURATION_PATTERN, parseDuration } from '../../schemas/units.js'
import { plural } from '../../schemas/words.js'
import type { Sink } from '../contract.js'
import type { Row } from '../rows.js'
import { type Day, dayOf, dayStates, dayText } from '../sources/api/days.js'
import { newestEvent } from './watched.js'

export interface Conditions {
  /** Maximum age of the newest event, in milliseconds; null for no limit. */
  readonly staleMs: number | null
  readonly gaps: boolean
  readonly rejects: boolean
}

export interface Finding {
  readonly condition: 'stale' | 'gaps' | 'rejects'
  readonly message: string
}

const DAY_MS = 86_400_000
/** How many days one line lists. */
const MOST_NAMED = 5

/**
 * Parses for example `stale=2h,gaps,rejects`.
 *
 * @param previous from earlier uses of the option; conditions accumulate
 */
export function parseConditions(text: string, previous?: Conditions): Conditions {
  const found = { staleMs: null as number | null, gaps: false, rejects: false, ...previous }
  for (const condition of text.split(',')) {
    const [name, value = '', ...more] = condition.split('=')
    const isStale = name === 'stale' && DURATION_PATTERN.test(value) && more.length === 0
    if (condition === 'gaps' || condition === 'rejects') found[condition] = true
    else if (!isStale) throw new InvalidArgumentError('Name stale=DURATION, gaps or rejects, separated by commas.')
    else if (found.staleMs !== null) throw new InvalidArgumentError('Name stale=DURATION once.')
    else found.staleMs = parseDuration(value)
  }
  return found
}

/**
 * @param answers   the rows of each question of `status`, by its name
 * @param days      how many days were asked for
 * @param overlapMs how late an event of the API may become known, in milliseconds
 */
export async function findingsOf(
  sink: Sink,
  { staleMs, gaps, rejects }: Conditions,
  answers: ReadonlyMap<string, readonly Row[]>,
  { days, overlapMs, now }: { readonly days: number; readonly overlapMs: number; readonly now: Date },
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  if (staleMs !== null && (await newestEvent(sink, staleMs)) === null) {
    const since = new Date(now.getTime() - staleMs).toISOString().slice(0, 19)
    findings.push({ condition: 'stale', message: `no event is newer than ${since}Z` })
  }
  const byDay = answers.get('days') ?? []
  const sources = answers.get('sources') ?? []
  if (gaps) {
    const receipts = []
    for (const { source } of sources)
      if (/^https?:/.test(String(source))) receipts.push(await sink.receipts(String(source)))
    const states = receipts.map((each) => dayStates(now, each, overlapMs))
    const unfinished = new Set(states.flatMap(({ unfinished }) => unfinished))
    if (unfinished.size > 0) findings.push(gap(`days of the W&B API that were never finished: ${named(unfinished)}`))
    // If the API was asked for the whole day and returned nothing, there was nothing; before that, nobody knows.
    const asked = states.flatMap(({ finished, begun }) => [finished, begun])
    const empty = emptyDays(byDay, sources, days, now).filter(
      (day) => !unfinished.has(day) && !asked.some((known) => known.has(day)),
    )
    if (empty.length > 0) findings.push(gap(`days without events: ${named(empty)}`))
    for (const { missing } of answers.get('missing_events') ?? []) findings.push(gap(missingText(Number(missing))))
  }
  const rejected = byDay.reduce((sum, row) => sum + Number(row.rejects), 0)
  if (rejects && rejected > 0)
    findings.push({ condition: 'rejects', message: `${plural(rejected, 'reject')} on the days shown` })
  return findings
}

const missingText = (events: number): string =>
  `${plural(events, 'event')} that ${events === 1 ? 'was' : 'were'} loaded ${events === 1 ? 'is' : 'are'} missing; wandb-audit verify says which`

const gap = (message: string): Finding => ({ condition: 'gaps', message })

/** Shown days before today without events; days before the first event do not count. */
function emptyDays(byDay: readonly Row[], sources: readonly Row[], days: number, now: Date): Day[] {
  const withEvents = new Set(
    byDay.filter(({ events }) => Number(events) > 0).map(({ day }) => Date.parse(String(day)) / DAY_MS),
  )
  const earliest = sources
    .map((source) => Math.floor(Date.parse(String(source.earliest)) / DAY_MS))
    .filter((day) => !Number.isNaN(day))
  const begins = [...earliest, ...withEvents]
  const today = dayOf(now)
  const shown = today - days + 1
  const first = begins.length === 0 ? shown : Math.max(shown, Math.min(...begins))
  const empty: Day[] = []
  for (let day = first; day < today; day++) if (!withEvents.has(day)) empty.push(day)
  return empty
}

function named(days: Iterable<Day>): string {
  const all = [...days].sort((a, b) => a - b).map(dayText)
  const more = all.length > MOST_NAMED ? ` and ${all.length - MOST_NAMED} more` : ''
  return `${all.slice(0, MOST_NAMED).join(', ')}${more}`
}
