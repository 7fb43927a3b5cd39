/** The top of a report: counts at a glance, and what needs attention. */

import type { VNode } from 'preact'
import type { Span } from '../../schemas/day-digest.js'
import { inWords, number, plural } from '../../schemas/words.js'
import { type Answers, numberIn, rowsOf, textIn, totalOf } from './answers.js'
import type { Day } from './days.js'
import { type FindingGroup, totalOfFindings } from './findings.js'
import { HEAVY } from './lists.js'
import type { SectionId } from './sections.js'
import { Instant } from './table.js'

interface Summary {
  readonly answers: Answers
  readonly findings: readonly FindingGroup[]
  readonly range: Span
  readonly days: readonly Day[]
  readonly now: Date
}

/** The most important counts, at a glance. */
export function Tiles({ answers, findings, days, now }: Summary): VNode {
  const [totals] = rowsOf(answers, 'totals')
  const found = totalOfFindings(findings)
  const newest = textIn(totals, 'newest')
  const events = numberIn(totals, 'events')
  const refused = numberIn(totals, 'refused')
  const gaps = days.filter(({ state }) => state === 'gap').length
  const high = totalOfFindings(findings, 'high')
  return (
    <ul class="tiles">
      <li class={high > 0 ? 'alarm' : undefined}>
        <b>{number(found)}</b>
        <span>
          {found === 1 ? 'finding' : 'findings'}, {number(high)} of high severity
        </span>
      </li>
      <li>
        <b>{number(events)}</b>
        <span>events, {number(refused)} refused</span>
      </li>
      <li>
        <b>{number(numberIn(totals, 'actors'))}</b>
        <span>actors from {plural(numberIn(totals, 'addresses'), 'address', 'addresses')}</span>
      </li>
      <li>
        <b>{newest === null ? 'none' : ageText(newest, now)}</b>
        <span>
          {newest === null ? (
            'newest event'
          ) : (
            <>
              newest event, <Instant at={newest} />
            </>
          )}
        </span>
      </li>
      <li class={gaps > 0 ? 'alarm' : undefined}>
        <b>{number(gaps)}</b>
        <span>{gaps === 1 ? 'day' : 'days'} without any document</span>
      </li>
      <li>
        <b>{number(rejectedLines(answers))}</b>
        <span>rejected lines</span>
      </li>
    </ul>
  )
}

const rejectedLines = (answers: Answers): number =>
  rowsOf(answers, 'rejects').reduce((sum, row) => sum + numberIn(row, 'rejects'), 0)

const ageText = (instant: string, now: Date): string => {
  const age = now.getTime() - Date.parse(instant)
  if (age < 0) return 'in the future'
  return age < 60_000 ? 'just now' : `${inWords(age / 1000)} ago`
}

/** What deserves a look first, with links to the sections that show it. */
export function Attention({ answers, findings, days, range, now }: Summary): VNode {
  const points: { readonly id: SectionId; readonly text: string }[] = []
  const add = (id: SectionId, count: number, text: string): void => {
    if (count > 0) points.push({ id, text })
  }
  const rows = (name: string) => rowsOf(answers, name)
  const high = totalOfFindings(findings, 'high')
  const medium = totalOfFindings(findings, 'medium')
  const gaps = days.filter(({ state }) => state === 'gap').length
  const newest = textIn(rows('totals')[0], 'newest')
  const heavy = rows('heavy_readers').filter((row) => numberIn(row, 'factor') >= HEAVY).length
  const missing = numberIn(rows('missing_events')[0], 'missing')
  const drift = totalOf(rows('unknown_actions')) + totalOf(rows('unknown_keys'))
  add('findings', high, `${plural(high, 'finding')} of high severity`)
  add('findings', medium, `${plural(medium, 'finding')} of medium severity`)
  add(
    'coverage',
    missing,
    `${plural(missing, 'event')} that ${missing === 1 ? 'was' : 'were'} loaded and ${missing === 1 ? 'is' : 'are'} missing now; wandb-audit verify lists them`,
  )
  add('coverage', gaps, `${plural(gaps, 'day')} without any event or document`)
  add(
    'coverage',
    isStale(newest, range, now) ? 1 : 0,
    newest === null ? 'no event on these days' : `no event for ${inWords((now.getTime() - Date.parse(newest)) / 1000)}`,
  )
  add('readers', heavy, `${plural(heavy, 'actor')} with at least ${HEAVY} times the usual artifact reads on a day`)
  add('rejects', rejectedLines(answers), `${plural(rejectedLines(answers), 'line')} could not become events`)
  add('drift', drift, `${plural(drift, 'action or key', 'actions and keys')} that W&B does not document`)
  return (
    <aside class={points.length === 0 ? 'attention calm' : 'attention'} aria-labelledby="attention">
      <h2 id="attention">Look at this first</h2>
      {points.length === 0 ? (
        <p>Nothing stands out.</p>
      ) : (
        <ul>
          {points.map(({ id, text }) => (
            <li key={text}>
              <a href={`#${id}`}>{text}</a>
            </li>
          ))}
        </ul>
      )}
    </aside>
  )
}

const STALE_MS = 24 * 3_600_000

/** The newest event of a past period is old, and that is no cause for alarm. */
const isStale = (newest: string | null, { to }: Span, now: Date): boolean =>
  newest === null || (to > now && now.getTime() - Date.parse(newest) > STALE_MS)
