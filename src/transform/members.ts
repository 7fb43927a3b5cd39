/** The members of a record: the text of each documented key, and a JSON object of all others. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import type { Member } from './scan.js'

const KNOWN = new Set(RECORD_FIELDS)

/** Prefix of the key of a value that is kept as text. The key's end stays, so that an id is still recognised. */
export const AS_TEXT = 'text:'

export interface RecordTexts {
  /** One for each documented key, in the order of RECORD_FIELDS: a string's characters, other values' JSON text. */
  readonly texts: readonly (string | null)[]
  /** The JSON object of all other members, or null when there are none. */
  readonly unknown: string | null
  /** What the ids in `unknown` add to the text of `content_hash`, as `undocumentedIds` of identity.ts does; may be empty. */
  readonly ids: string
}

/**
 * Readers of JSON disagree on a value of `unknown` in which an object has a key twice. Such a value is kept as the text
 * that arrived, under the key `text:` and its own key, so that every reader gets the same.
 *
 * @param members with distinct keys
 */
export function recordTexts(members: readonly Member[]): RecordTexts {
  const known = new Map<string, string | null>()
  const unknown = new Map<string, string>()
  const keys = new Set(members.map(({ key }) => key))
  for (const { key, value, written, repeats } of members) {
    if (KNOWN.has(key)) known.set(key, textOf(value))
    else if (repeats) unknown.set(freeKey(key, keys), JSON.stringify(written.toString('utf8')))
    else if (value !== 'null') unknown.set(key, value)
  }
  return {
    texts: RECORD_FIELDS.map((field) => known.get(field) ?? null),
    unknown: unknown.size === 0 ? null : objectOf(unknown),
    ids: inKeyOrder(unknown)
      .filter(([key]) => /_(?:asset|id)$/.test(key))
      .map(([key, value]) => `,${sized(key)}=${sized(textOf(value) ?? '')}`)
      .join(''),
  }
}

/** The text of an object with these members, its keys ordered by code points as in every `extra`. */
export const objectOf = (members: Iterable<readonly [key: string, value: string]>): string =>
  `{${inKeyOrder(members)
    .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
    .join(',')}}`

const inKeyOrder = <T>(members: Iterable<readonly [key: string, value: T]>): (readonly [string, T])[] =>
  [...members].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

const sized = (text: string): string => `${Buffer.byteLength(text)}:${text}`

/** The text of a documented key's value; null counts as absent. */
export function textOf(value: string): string | null {
  if (value === 'null') return null
  return value.startsWith('"') ? JSON.parse(value) : value
}

function freeKey(key: string, taken: Set<string>): string {
  let free = AS_TEXT + key
  while (taken.has(free)) free = AS_TEXT + free
  taken.add(free)
  return free
}
