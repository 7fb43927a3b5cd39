/** Charts as SVG. Horizontal positions are percentages, so that charts fit any width while text keeps its size. */

import { scaleLinear, scaleQuantize } from 'd3-scale'
import { area, curveStepAfter, stack } from 'd3-shape'
import type { VNode } from 'preact'
import { number, plural } from '../../schemas/words.js'
import { type Day, weekdayOf } from './days.js'

export const MONTHS = 'January February March April May June July August September October November December'.split(' ')
export const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

/** 1 to 5: how a count compares with the largest; 0 for none. */
export type Level = (count: number) => number

/** @param counts the ones to compare */
export function levelsOf(counts: readonly number[]): Level {
  const most = Math.max(...counts, 0)
  const scale = scaleQuantize<number>([0, most], [1, 2, 3, 4, 5])
  return (count) => (count === 0 ? 0 : scale(count))
}

/** One month of the calendar, with a cell for each day. */
export function Month({ month, days, level }: { month: string; days: readonly Day[]; level: Level }): VNode {
  const name = `${MONTHS[Number(month.slice(5)) - 1]} ${month.slice(0, 4)}`
  const offset = weekdayOf(`${month}-01`)
  const withEvents = days.filter(({ state }) => state === 'events').length
  const gaps = days.filter(({ state }) => state === 'gap').length
  const label = `${name}: ${withEvents} of ${plural(days.length, 'day')} with events, ${gaps} without any document`
  const [cell, top] = [24, 16]
  // If the report covers only part of the month, only those weeks are shown.
  const weekOf = (day: string): number => Math.floor((Number(day.slice(8)) - 1 + offset) / 7)
  const weeks = days.map(({ day }) => weekOf(day))
  const firstWeek = Math.min(...weeks)
  return (
    <figure class="month">
      <figcaption>{name}</figcaption>
      <svg
        role="img"
        aria-label={label}
        viewBox={`0 0 ${7 * cell} ${top + (Math.max(...weeks) - firstWeek + 1) * cell}`}
      >
        {WEEKDAYS.map((weekday, i) => (
          <text key={weekday} class="tick" x={i * cell + 11} y={10} text-anchor="middle">
            {weekday.slice(0, 1)}
          </text>
        ))}
        {days.map(({ day, events, state }) => {
          const date = Number(day.slice(8))
          const [x, y] = [weekdayOf(day) * cell, top + (weekOf(day) - firstWeek) * cell]
          return (
            <g key={day} class={state === 'events' ? `l${level(events)}` : state}>
              <title>{`${day}: ${WORDS[state] ?? plural(events, 'event')}`}</title>
              <rect x={x + 0.5} y={y + 0.5} width={cell - 3} height={cell - 3} rx={3} />
              {state === 'gap' && <path d={`M${x + 4},${y + 4}l14,14m0,-14l-14,14`} />}
              {state !== 'gap' && (
                <text x={x + 11} y={y + 15} text-anchor="middle">
                  {date}
                </text>
              )}
            </g>
          )
        })}
      </svg>
    </figure>
  )
}

const WORDS: Readonly<Record<string, string>> = {
  empty: 'read, no events',
  gap: 'no document covers it',
  before: 'before the first document',
}

export interface Bar {
  readonly served: number
  readonly refused: number
}

/** One column per day: what was served, and on top what was refused. */
export function Histogram({ label, bars, height }: { label: string; bars: readonly Bar[]; height: number }): VNode {
  const most = Math.max(...bars.map(({ served, refused }) => served + refused), 1)
  const y = scaleLinear().domain([0, most]).nice(3).range([height, 0])
  const stacked = stack<Bar>().keys(['served', 'refused'])([...bars])
  // The last step needs an end.
  const path = area<readonly [number, number]>()
    .x((_, i) => i)
    .y0((point) => y(point[0]))
    .y1((point) => y(point[1]))
    .curve(curveStepAfter)
    .digits(1)
  return (
    <div class="plot">
      <div class="scale" aria-hidden="true">
        <span>{number(y.domain()[1] ?? 0)}</span>
        <span>0</span>
      </div>
      <svg role="img" aria-label={label} width="100%" height={height + 1}>
        {y.ticks(3).map((tick) => (
          <line key={tick} class="grid" x1="0" x2="100%" y1={y(tick) + 0.5} y2={y(tick) + 0.5} />
        ))}
        <svg
          aria-hidden="true"
          width="100%"
          height={height}
          viewBox={`0 0 ${bars.length} ${height}`}
          preserveAspectRatio="none"
        >
          {stacked.map((series) => (
            <path
              key={series.key}
              class={series.key}
              d={path([...series, ...series.slice(-1)].map(([a, b]) => [a, b])) ?? ''}
            />
          ))}
        </svg>
      </svg>
    </div>
  )
}

/** Labels some days below the columns, at the left edge of each day. */
export function DayAxis({ days }: { days: readonly string[] }): VNode {
  const most = Math.min(4, days.length)
  const shown = Array.from({ length: most }, (_, i) => Math.floor((i * days.length) / most))
  return (
    <div class="plot axis" aria-hidden="true">
      <div class="scale" />
      <svg aria-hidden="true" width="100%" height="20">
        {shown.map((i) => (
          <g key={i}>
            <line class="grid" x1={percent(i / days.length)} x2={percent(i / days.length)} y1="0" y2="5" />
            <text class="tick" x={percent(i / days.length)} y="16">
              {days[i]}
            </text>
          </g>
        ))}
      </svg>
    </div>
  )
}

/** @param rows one per weekday, each with a number per hour */
export function HeatMap({
  label,
  rows,
  level,
}: {
  label: string
  rows: readonly (readonly number[])[]
  level: Level
}): VNode {
  const [cell, gap] = [24, 2]
  return (
    <div class="plot heat">
      <div class="scale" aria-hidden="true">
        {WEEKDAYS.map((weekday) => (
          <span key={weekday}>{weekday.slice(0, 3)}</span>
        ))}
      </div>
      <svg role="img" aria-label={label} width="100%" height={7 * cell + 18}>
        {rows.map((hours, weekday) => (
          <g key={WEEKDAYS[weekday]}>
            {hours.map((events, hour) => (
              <rect
                key={hour}
                class={`l${level(events)}`}
                x={percent(hour / 24)}
                y={weekday * cell}
                width="4%"
                height={cell - gap}
                rx={2}
              >
                <title>{`${WEEKDAYS[weekday]} ${hourText(hour)}: ${mean(events)} events per hour`}</title>
              </rect>
            ))}
          </g>
        ))}
        {[0, 6, 12, 18].map((hour) => (
          <text key={hour} class="tick" x={percent(hour / 24)} y={7 * cell + 13}>
            {hourText(hour)}
          </text>
        ))}
      </svg>
    </div>
  )
}

export const hourText = (hour: number): string => `${String(hour).padStart(2, '0')}:00`

/** A mean with few digits. */
export const mean = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })

const percent = (share: number): string => `${Number((share * 100).toFixed(3))}%`
