/** Makes text safe for a terminal: values of records could control it, hide lines, or disguise words. */

import { escaped } from '../errors.js'

/** A value as one line of JSON; escaped, still as valid JSON, when `out` is a terminal. */
export function jsonLine(value: unknown, out: { readonly isTTY?: boolean }): string {
  const json = JSON.stringify(value)
  return `${out.isTTY === true ? escaped(json) : json}\n`
}

/** Escapes each line of a text and keeps the line breaks. */
export const escapedLines = (text: string): string => text.split('\n').map(escaped).join('\n')
