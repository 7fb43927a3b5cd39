/** Sections with charts: coverage, activity, the hours of the week. */

import type { VNode } from 'preact'
import type { Span } from '../../schemas/day-digest.js'
import { number, plural } from '../../schemas/words.js'
import type { Row } from '../rows.js'
import { type Answers, numberIn, rowsOf, textIn } from './answers.js'
import { type Bar, DayAxis, HeatMap, Histogram, hourText, levelsOf, Month, mean, WEEKDAYS } from './charts.js'
import { type Day, daysIn, rangesOf, weekdayOf } from './days.js'
import { countColumn, instantColumn, List, Numbers, nameColumn, Table } from './table.js'

const CATEGORIES = [
  { category: 'auth', name: 'Log-ins and keys' },
  { category: 'admin', name: 'Users and teams' },
  { category: 'write', name: 'Changes' },
  { category: 'read', name: 'Reads' },
  { category: 'undocumented', name: 'Undocumented actions' },
] as const

export function Coverage({ answers, days }: { answers: Answers; days: readonly Day[] }): VNode {
  const level = levelsOf(days.map(({ events }) => events))
  const months = new Set(days.map(({ day }) => day.slice(0, 7)))
  const gaps = rangesOf(days, 'gap')
  return (
    <>
      <p>{gapsText(gaps.reduce((sum, range) => sum + range.days, 0))}</p>
      {gaps.length > 0 && (
        <ul class="ranges">
          {gaps.slice(0, 50).map(({ first, last, days }) => (
            <li key={first}>
              {first}
              {first !== last && ` to ${last}, ${plural(days, 'day')}`}
            </li>
          ))}
          {gaps.length > 50 && <li>and {number(gaps.length - 50)} more</li>}
        </ul>
      )}
      <div class="months">
        {[...months].map((month) => (
          <Month key={month} month={month} days={days.filter(({ day }) => day.startsWith(month))} level={level} />
        ))}
      </div>
      <Legend most={Math.max(...days.map(({ events }) => events))} />
      <Numbers what="Events of each day">
        <Table
          caption="Events of each UTC day"
          columns={[nameColumn('Day', 'day'), nameColumn('State', 'state'), countColumn('Events', 'events')]}
          rows={days.map(({ day, events, state }) => ({ day, events, state: STATES[state] }))}
        />
      </Numbers>
      <h3>Sources</h3>
      <List
        caption="Sources, most recently loaded first"
        columns={[
          nameColumn('Source', 'source'),
          countColumn('Documents', 'documents'),
          instantColumn('Last load', 'last_load'),
          instantColumn('Earliest', 'earliest'),
          instantColumn('Latest', 'latest'),
        ]}
        rows={rowsOf(answers, 'sources')}
        none="Nothing has been loaded yet."
      />
      <p class="more">{loadsText(rowsOf(answers, 'loads')[0])}</p>
    </>
  )
}

const STATES = { events: 'events', empty: 'read, no events', gap: 'no document', before: 'before the first document' }

function loadsText(row: Row | undefined): string {
  const count = (name: string): string => number(numberIn(row, name))
  const loads = numberIn(row, 'loads')
  if (loads === 0) return 'Nothing was loaded on these days.'
  const conflicts = numberIn(row, 'conflicts')
  const sum = `${plural(loads, 'load')} on these days: ${count('rows_read')} lines = ${count('inserted')} new events + ${count('enriched')} enriched + ${count('unchanged')} unchanged + ${count('rejected')} rejected.`
  return conflicts === 0 ? sum : `${sum} ${plural(conflicts, 'value')} contradicted a row; see audit_conflicts.`
}

const gapsText = (days: number): string =>
  days === 0
    ? 'Every day since the first document is covered by a document or has events.'
    : `${plural(days, 'day')} without any event and without a document that covers ${days === 1 ? 'it' : 'them'}:`

const Legend = ({ most }: { most: number }): VNode => (
  <ul class="legend">
    <li>
      {[1, 2, 3, 4, 5].map((level) => (
        <svg key={level} width="14" height="14" aria-hidden="true" class={`l${level}`}>
          <rect width="14" height="14" rx="3" />
        </svg>
      ))}
      up to {plural(most, 'event')}
    </li>
    <li>
      <svg width="14" height="14" aria-hidden="true" class="gap">
        <rect x="0.5" y="0.5" width="13" height="13" rx="3" />
        <path d="M3,3l8,8m0,-8l-8,8" />
      </svg>
      gap: no document
    </li>
    <li>
      <svg width="14" height="14" aria-hidden="true" class="empty">
        <rect x="0.5" y="0.5" width="13" height="13" rx="3" />
      </svg>
      read, no events
    </li>
  </ul>
)

export function Activity({ answers, range }: { answers: Answers; range: Span }): VNode {
  const days = daysIn(range)
  const place = new Map(days.map((day, i) => [day, i]))
  const bars = new Map<string, { served: number; refused: number }[]>()
  for (const row of rowsOf(answers, 'hours')) {
    const category = known(textIn(row, 'category'))
    if (!bars.has(category))
      bars.set(
        category,
        days.map(() => ({ served: 0, refused: 0 })),
      )
    const bar = bars.get(category)?.[place.get(textIn(row, 'day') ?? '') ?? -1]
    if (bar === undefined) continue
    bar.refused += numberIn(row, 'refused')
    bar.served += numberIn(row, 'events') - numberIn(row, 'refused')
  }
  const shown = CATEGORIES.filter(({ category }) => bars.has(category))
  if (shown.length === 0) return <p class="none">There are no events on these days.</p>
  return (
    <>
      <ul class="legend">
        <li>
          <svg width="14" height="14" aria-hidden="true">
            <rect class="served" width="14" height="14" rx="3" />
          </svg>
          served
        </li>
        <li>
          <svg width="14" height="14" aria-hidden="true">
            <rect class="refused" width="14" height="14" rx="3" />
          </svg>
          refused or failed (status 400 and above)
        </li>
      </ul>
      {shown.map(({ category, name }) => {
        const each = bars.get(category) ?? []
        return (
          <figure key={category} class="histogram">
            <figcaption>
              <strong>{name}</strong> {sumText(each)}
            </figcaption>
            <Histogram
              label={`${name} by UTC day: ${sumText(each)}. ${peakText(each, days)}`}
              bars={each}
              height={72}
            />
          </figure>
        )
      })}
      <DayAxis days={days} />
      <Numbers what="Numbers of each day">
        <Table
          caption="Events of each UTC day and category"
          columns={[
            nameColumn('Day', 'day'),
            ...shown.map(({ category, name }) => countColumn(name, category)),
            countColumn('Refused', 'refused'),
          ]}
          rows={days.map((day, i) => ({
            day,
            ...Object.fromEntries(shown.map(({ category }) => [category, total(bars.get(category)?.[i])])),
            refused: shown.reduce((sum, { category }) => sum + (bars.get(category)?.[i]?.refused ?? 0), 0),
          }))}
        />
      </Numbers>
    </>
  )
}

/** Any other category can only come from a table that someone else changed. */
const known = (category: string | null): string =>
  CATEGORIES.some((each) => each.category === category) ? `${category}` : 'undocumented'

const total = (bar: Bar | undefined): number => (bar?.served ?? 0) + (bar?.refused ?? 0)

function sumText(bars: readonly Bar[]): string {
  const all = bars.reduce((sum, bar) => sum + total(bar), 0)
  const refused = bars.reduce((sum, bar) => sum + bar.refused, 0)
  return `${plural(all, 'event')}${refused === 0 ? '' : `, ${number(refused)} refused`}`
}

function peakText(bars: readonly Bar[], days: readonly string[]): string {
  const most = Math.max(...bars.map(total))
  return `Most on ${days[bars.findIndex((bar) => total(bar) === most)]}: ${number(most)}.`
}

interface Hours {
  readonly answers: Answers
  readonly days: readonly Day[]
  readonly now: Date
}

export function HoursOfWeek({ answers, days, now }: Hours): VNode {
  const sums = WEEKDAYS.map(() => Array.from({ length: 24 }, () => 0))
  for (const row of rowsOf(answers, 'hours')) {
    const hours = sums[weekdayOf(textIn(row, 'day') ?? '')]
    const hour = numberIn(row, 'utc_hour')
    if (hours?.[hour] !== undefined) hours[hour] += numberIn(row, 'events')
  }
  // A day without events counts only if it was read, since a gap would look like a quiet day; an hour only once it has begun.
  const read = days.filter(({ state }) => state === 'events' || state === 'empty')
  const means = sums.map((hours, weekday) => {
    const begun = (hour: number): number =>
      read.filter(({ day }) => weekdayOf(day) === weekday && Date.parse(`${day}T${hourText(hour)}Z`) <= now.getTime())
        .length
    return hours.map((sum, hour) => sum / Math.max(begun(hour), 1))
  })
  const flat = means.flat()
  const most = Math.max(...flat)
  const peak = flat.indexOf(most)
  const label = `Mean events per hour by weekday and UTC hour. Most on ${WEEKDAYS[Math.floor(peak / 24)]}s at ${hourText(peak % 24)}: ${mean(most)}.`
  if (most === 0) return <p class="none">There are no events on these days.</p>
  return (
    <>
      <HeatMap label={label} rows={means} level={levelsOf(flat)} />
      <Numbers what="Mean events per hour">
        <Table
          caption="Mean events per hour, by UTC hour and weekday"
          columns={[
            nameColumn('Hour', 'hour'),
            ...WEEKDAYS.map((weekday) => ({ ...nameColumn(weekday.slice(0, 3), weekday), right: true })),
          ]}
          rows={Array.from({ length: 24 }, (_, hour) => ({
            hour: hourText(hour),
            ...Object.fromEntries(WEEKDAYS.map((weekday, i) => [weekday, mean(means[i]?.[hour] ?? 0)])),
          }))}
        />
      </Numbers>
    </>
  )
}
