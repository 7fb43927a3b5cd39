/** What may reach a terminal: texts of records can steer it, hide lines, or show other words than there are. */

import { escaped } from '../errors.js'

/** A value as one line of JSON, which stays JSON; escaped where `out` is a terminal. */
export function jsonLine(value: unknown, out: { readonly isTTY?: boolean }): string {
  const json = JSON.stringify(value)
  return `${out.isTTY === true ? escaped(json) : json}\n`
}

/** A text of several lines; the lines stay. */
export const escapedLines = (text: string): string => text.split('\n').map(escaped).join('\n')
