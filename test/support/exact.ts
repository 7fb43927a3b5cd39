/** JSON with every number to the digit, apart from the product's own ways of reading it. */

import { createHash } from 'node:crypto'
import { IDENTITY_FIELDS, RECORD_FIELDS } from '../../schemas/tables.js'

export type Exact = string | boolean | null | readonly Exact[] | { readonly [key: string]: Exact }
export type ExactRecord = { readonly [key: string]: Exact }

/** A private-use character before a number's digits; no test has it in a string. */
export const NUMBER = '\uE000'
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/g

/** Parses JSON; a number becomes the string of its digits with a mark before it. */
export function exact(json: string): Exact {
  return JSON.parse(json.replace(TOKEN, (token) => (token.startsWith('"') ? token : `"${NUMBER}${token}"`)))
}

/** A string's characters, any other value's JSON text without white space. */
function textOf(value: Exact): string {
  if (typeof value === 'string') return value.startsWith(NUMBER) ? value.slice(1) : value
  return JSON.stringify(value).replaceAll(new RegExp(`"${NUMBER}([^"]*)"`, 'g'), '$1')
}

/** What a row can give back of a record: documented keys as text, nulls at the top gone. */
export function asKept(record: ExactRecord): ExactRecord {
  const members = Object.entries(record).filter(([, value]) => value !== null)
  return Object.fromEntries(members.map(([key, value]) => [key, RECORD_FIELDS.includes(key) ? textOf(value) : value]))
}

/** Integer nanoseconds since 1970 of an RFC 3339 text, further digits cut off. */
export function nanoseconds(text: string): bigint {
  const [, date = '', time = '', fraction = '', zone = ''] = /^(.{10})[Tt](.{8})(?:\.([0-9]+))?(.+)$/.exec(text) ?? []
  const seconds = BigInt(Date.parse(`${date}T${time}${zone.toUpperCase()}`)) / 1000n
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
}

/** The text under `content_hash`, version 1, as the design page has it. */
export function hashText(record: ExactRecord): string {
  const sized = (text: string): string => `${Buffer.byteLength(text)}:${text}`
  const fields = IDENTITY_FIELDS.map((field) => {
    const value = record[field] ?? null
    if (value === null) return '-'
    return sized(field === 'timestamp' ? String(nanoseconds(textOf(value))) : textOf(value))
  })
  const ids = Object.keys(record)
    .filter((key) => /_(asset|id)$/.test(key) && !RECORD_FIELDS.includes(key) && record[key] !== null)
    .sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    .map((key) => `${sized(key)}=${sized(textOf(record[key] as Exact))}`)
  return [...fields, ...ids].join(',')
}

/** `content_hash` of the n-th repeat of a record in its document; 0 is the first one. */
export function contentHash(record: ExactRecord, repeat = 0): string {
  return sha256(`${hashText(record)}${repeat === 0 ? '' : `#${repeat}`}`)
}

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')
