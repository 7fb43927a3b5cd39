/** Tables of a report. On a narrow screen each row becomes a card, so every cell names its column. */

import type { ComponentChildren, VNode } from 'preact'
import { number } from '../../schemas/words.js'
import { escaped } from '../errors.js'
import type { Row } from '../rows.js'
import { textIn, totalOf } from './answers.js'

export interface Column {
  readonly name: string
  readonly right?: boolean
  cell(row: Row): ComponentChildren
}

/** @param caption says what a row is, for readers who cannot see the heading */
export function Table({
  caption,
  columns,
  rows,
}: {
  caption: string
  columns: readonly Column[]
  rows: readonly Row[]
}): VNode {
  return (
    <div class="table">
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, right }) => (
              <th key={name} scope="col" class={right ? 'right' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {columns.map(({ name, right, cell }) => (
                <td key={name} data-label={name} class={right ? 'right' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const FIRST_ROWS = 10

/** A list: its first rows, the others folded, and how many it leaves out. If it is empty, the sentence `none`. */
export function List(props: {
  caption: string
  columns: readonly Column[]
  rows: readonly Row[]
  none: string
}): VNode {
  const { rows, none } = props
  if (rows.length === 0) return <p class="none">{none}</p>
  const [first, others] = [rows.slice(0, FIRST_ROWS), rows.slice(FIRST_ROWS)]
  const more = totalOf(rows) - rows.length
  return (
    <>
      <Table {...props} rows={first} />
      {others.length > 0 && (
        <details>
          <summary>{number(others.length)} more</summary>
          <Table {...props} caption={`${props.caption}, continued`} rows={others} />
        </details>
      )}
      {more > 0 && <p class="more">and {number(more)} more that the report leaves out</p>}
    </>
  )
}

/** Where a name may be broken between lines: `ada@|example.|com`; an IPv4 address stays whole. */
const BREAKS = /(?<=[@:/_-])|(?<=\.)(?=[a-z])/i
/** Parts up to this length are never broken. */
const MOST_UNBROKEN = 16

/** A value from the log: control characters and those that reorder their neighbours are shown as escapes. */
export function Name({ children }: { children: string }): VNode {
  const text = escaped(children)
  const parts = text.length > MOST_UNBROKEN ? text.split(BREAKS) : [text]
  return (
    <bdi class={parts.some(({ length }) => length > MOST_UNBROKEN) ? 'long' : undefined}>
      {parts.flatMap((part, i) => (i === 0 ? [part] : [<wbr key={i} />, part]))}
    </bdi>
  )
}

export const Nothing = (): VNode => <span class="nothing">–</span>

/** `2026-10-01 12:34:56`, from RFC 3339; fractions of a second are dropped. */
export const instantText = (instant: string): string => instant.replace('T', ' ').replace(/(?:\.\d+)?Z$/, '')

export const Instant = ({ at }: { at: string | null }): VNode =>
  at === null ? <Nothing /> : <time dateTime={at}>{instantText(at)}</time>

export const nameColumn = (name: string, key: string): Column => ({
  name,
  cell: (row) => {
    const value = textIn(row, key)
    return value === null ? <Nothing /> : <Name>{value}</Name>
  },
})

export const instantColumn = (name: string, key: string): Column => ({
  name,
  cell: (row) => <Instant at={textIn(row, key)} />,
})

export const countColumn = (name: string, key: string): Column => ({
  name,
  right: true,
  cell: (row) => number(Number(row[key] ?? 0)),
})

/** A person's e-mail address and id, whichever are known. */
export const personColumn = (name: string, email = 'actor_email', id = 'actor_user_id'): Column => ({
  name,
  cell: (row) => {
    const [address, known] = [textIn(row, email), textIn(row, id)]
    if (id !== 'actor_user_id' && known !== null && known === textIn(row, 'actor_user_id')) return 'themselves'
    if (address === null && known === null) return <span class="nothing">not named</span>
    return (
      <>
        {address !== null && <Name>{address}</Name>}
        {known !== null && (
          <span class={address === null ? undefined : 'id'}>
            {' id '}
            <Name>{known}</Name>
          </span>
        )}
      </>
    )
  },
})

/** The numbers behind a chart. */
export const Numbers = ({ what, children }: { what: string; children: ComponentChildren }): VNode => (
  <details>
    <summary>{what}</summary>
    {children}
  </details>
)
