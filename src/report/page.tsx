/** The page of a report: one file that loads nothing, runs nothing, and escapes every value. */

import { createHash } from 'node:crypto'
import type { VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { Span } from '../../schemas/day-digest.js'
import { escaped } from '../errors.js'
import { Activity, Coverage, HoursOfWeek } from './activity.js'
import type { Answers } from './answers.js'
import { coverageOf, dayText } from './days.js'
import { type FindingGroup, Findings } from './findings.js'
import {
  AdminChanges,
  Deletions,
  Drift,
  HeavyReaders,
  KeysCreated,
  NewAddresses,
  RefusedLogins,
  Rejects,
} from './lists.js'
import { Contents, Section } from './sections.js'
import { STYLE } from './style.js'
import { Attention, Tiles } from './summary.js'
import { instantText } from './table.js'

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

/** Nothing may be loaded or run; the hash names the only style sheet. */
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
          {masked && (
            <p>Names and addresses are replaced with labels; a label means the same everywhere on this page.</p>
          )}
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

const periodText = ({ from, to }: Span): string => {
  const [first, last] = [dayText(from.getTime()), dayText(to.getTime() - 1)]
  return first === last ? first : `${first} to ${last}`
}
