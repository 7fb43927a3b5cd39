/** The page of a report: one file that loads nothing, runs nothing, and escapes every value. */

import { createHash } from 'node:crypto'
import type { ComponentChildren, VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { Span } from '../../schemas/day-digest.js'
import { escaped } from '../errors.js'
import { Activity, Coverage, HoursOfWeek } from './activity.js'
import { type Answers, numberIn, rowsOf, textIn, totalOf } from './answers.js'
import { coverageOf, type Day, dayText } from './days.js'
import { type FindingGroup, Findings, totalOfFindings } from './findings.js'
import {
  AdminChanges,
  Deletions,
  Drift,
  HEAVY,
  HeavyReaders,
  KeysCreated,
  NewAddresses,
  RefusedLogins,
  Rejects,
} from './lists.js'
import { STYLE } from './style.js'
import { Instant } from './table.js'
import { counted, durationText, instantText, number } from './texts.js'

export interface Report {
  /** The sink's address, without secrets. */
  readonly sink: string
  readonly range: Span
  readonly now: Date
  readonly version: string
  readonly masked: boolean
  readonly answers: Answers
  readonly findings: readonly FindingGroup[]
}

/** Nothing is loaded from anywhere and nothing runs; the one style sheet is named by its hash. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`

/** The same report gives the same bytes. */
export const reportPage = (report: Report): string => `<!doctype html>\n${renderToString(<Page {...report} />)}\n`

function Page(report: Report): VNode {
  const { sink, range, now, version, masked, answers, findings } = report
  const days = coverageOf(answers, range)
  const period = periodText(range)
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content={POLICY} />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <meta name="robots" content="noindex" />
        <title>{`W&B audit report, ${period}`}</title>
        <style dangerouslySetInnerHTML={{ __html: STYLE }} />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header>
          <h1>W&B audit report</h1>
          <p>{period} (UTC)</p>
          <p>
            <bdi>{escaped(sink)}</bdi>
          </p>
          {masked && <p>Names and addresses are replaced by labels, which mean the same throughout this page.</p>}
        </header>
        <main id="main">
          <Tiles {...report} days={days} />
          <Attention {...report} days={days} />
          <Contents />
          <Section id="findings">
            <Findings findings={findings} />
          </Section>
          <Section id="coverage">
            <Coverage answers={answers} days={days} />
          </Section>
          <Section id="activity">
            <Activity answers={answers} range={range} />
          </Section>
          <Section id="hours">
            <HoursOfWeek answers={answers} days={days} now={now} />
          </Section>
          <Section id="keys">
            <KeysCreated answers={answers} />
          </Section>
          <Section id="logins">
            <RefusedLogins answers={answers} />
          </Section>
          <Section id="addresses">
            <NewAddresses answers={answers} />
          </Section>
          <Section id="readers">
            <HeavyReaders answers={answers} />
          </Section>
          <Section id="deletions">
            <Deletions answers={answers} />
          </Section>
          <Section id="admin">
            <AdminChanges answers={answers} />
          </Section>
          <Section id="rejects">
            <Rejects answers={answers} />
          </Section>
          <Section id="drift">
            <Drift answers={answers} />
          </Section>
        </main>
        <footer>
          Generated {instantText(now.toISOString())} UTC by wandb-audit {version}. All times are UTC. Lists have at most
          50 rows, and texts at most 300 characters; <code>wandb-audit query</code> shows everything.
        </footer>
      </body>
    </html>
  )
}

const SECTIONS = {
  findings: {
    title: 'Findings',
    note: 'What the detections found, the latest first. A finding is a reason to look, not a proof.',
  },
  coverage: { title: 'Coverage and freshness', note: 'Which days the warehouse holds, and how many events each has.' },
  activity: {
    title: 'Activity by day',
    note: 'Each row has its own scale, so that a few changes show beside many reads.',
  },
  hours: { title: 'Hours of the week', note: 'Mean events an hour, in UTC; work outside usual hours stands out.' },
  keys: {
    title: 'API keys created',
    note: 'The latest first. A key outlives a log-out and a new password: does its owner know the address?',
  },
  logins: {
    title: 'Refused log-ins',
    note: 'By actor and address, the most first. A refused log-in often names no actor; its address tells more.',
  },
  addresses: {
    title: 'First-seen addresses',
    note: 'The latest first: addresses that the actor, known for a day or longer, did not use in the 90 days before.',
  },
  readers: {
    title: 'Heavy readers',
    note: 'The heaviest day of artifact reads, beside the median of the other days on which the actor read, up to 90 days before.',
  },
  deletions: {
    title: 'Deletions',
    note: 'By actor and action, the most first: whatever removed data, a running job, access or a credential.',
  },
  admin: {
    title: 'Changes to users and teams',
    note: 'The latest first: invitations, roles, service accounts, deactivations; refused ones too.',
  },
  rejects: { title: 'Rejects', note: 'Lines that could not become events. They are kept raw: wandb-audit rejects.' },
  drift: {
    title: 'Drift',
    note: "Actions and keys that are not in W&B's documentation: new features, or something else.",
  },
} as const

function Section({ id, children }: { id: keyof typeof SECTIONS; children: ComponentChildren }): VNode {
  const { title, note } = SECTIONS[id]
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <p class="note">{note}</p>
      {children}
    </section>
  )
}

const Contents = (): VNode => (
  <nav class="contents" aria-label="Contents">
    <ul>
      {Object.entries(SECTIONS).map(([id, { title }]) => (
        <li key={id}>
          <a href={`#${id}`}>{title}</a>
        </li>
      ))}
    </ul>
  </nav>
)

type WithDays = Report & { readonly days: readonly Day[] }

function Tiles({ answers, findings, days, now }: WithDays): VNode {
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
        <span>actors from {counted(numberIn(totals, 'addresses'), 'address', 'addresses')}</span>
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
  return age < 60_000 ? 'just now' : `${durationText(age)} ago`
}

/** What deserves a look first, with the way there. */
function Attention({ answers, findings, days, range, now }: WithDays): VNode {
  const points: { readonly id: keyof typeof SECTIONS; readonly text: string }[] = []
  const add = (id: keyof typeof SECTIONS, count: number, text: string): void => {
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
  add('findings', high, `${counted(high, 'finding')} of high severity`)
  add('findings', medium, `${counted(medium, 'finding')} of medium severity`)
  add(
    'coverage',
    missing,
    `${counted(missing, 'event')} that ${missing === 1 ? 'was' : 'were'} loaded and ${missing === 1 ? 'is' : 'are'} missing now; wandb-audit verify says which`,
  )
  add('coverage', gaps, `${counted(gaps, 'day')} without any event or document`)
  add(
    'coverage',
    isStale(newest, range, now) ? 1 : 0,
    newest === null ? 'no event on these days' : `no event for ${durationText(now.getTime() - Date.parse(newest))}`,
  )
  add('readers', heavy, `${counted(heavy, 'actor')} with more than ${HEAVY} times the usual artifact reads on a day`)
  add('rejects', rejectedLines(answers), `${counted(rejectedLines(answers), 'line')} could not become events`)
  add('drift', drift, `${counted(drift, 'action or key', 'actions and keys')} that W&B does not document`)
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

/** A report of the past has an old newest event. */
const isStale = (newest: string | null, { to }: Span, now: Date): boolean =>
  newest === null || (to > now && now.getTime() - Date.parse(newest) > STALE_MS)

const periodText = ({ from, to }: Span): string => {
  const [first, last] = [dayText(from.getTime()), dayText(to.getTime() - 1)]
  return first === last ? first : `${first} to ${last}`
}
