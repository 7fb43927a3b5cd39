/** Replaces names of people, teams and machines with labels that are the same throughout one report, and different in the next. */

import type { Value } from '../contract.js'
import type { Row } from '../rows.js'
import type { Answers } from './answers.js'

/** As in the view audit_events_masked: ids stay. */
const KINDS: Readonly<Record<string, string>> = {
  actor_email: 'person',
  user_email: 'person',
  entity_name: 'team',
  actor_ip: 'address',
  subject: 'subject',
}

export type Mask = (column: string, value: Value) => Value

/** Numbers the labels in the order in which their values first appear. */
export function newMask(): Mask {
  const labels = new Map<string, string>()
  const counts = new Map<string, number>()
  return (column, value) => {
    const kind = KINDS[column]
    if (kind === undefined || value === null) return value
    const key = `${kind} ${value}`
    const known = labels.get(key)
    if (known !== undefined) return known
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    labels.set(key, `${kind} ${count}`)
    return `${kind} ${count}`
  }
}

export function masked(answers: Answers, mask: Mask): Answers {
  const hide = (row: Row): Row =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, mask(name, value)]))
  return new Map([...answers].map(([name, rows]) => [name, rows.map(hide)]))
}
