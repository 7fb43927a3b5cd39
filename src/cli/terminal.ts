/** What may reach a terminal: texts of records can steer it, hide lines, or show other words than there are. */

import { escaped } from '../errors.js'

interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** One line of JSON, which stays JSON. */
export function writeJson(value: unknown, out: Output = process.stdout): void {
  const json = JSON.stringify(value)
  out.write(`${out.isTTY === true ? escaped(json) : json}\n`)
}

/** A text of several lines; the lines stay. */
export const escapedLines = (text: string): string => text.split('\n').map(escaped).join('\n')
