/** The members of a record: the texts of the documented keys, and the JSON object of all others. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import type { Member } from './scan.js'

const KNOWN = new Set(RECORD_FIELDS)

/** Before the key of a value that is kept as text; an id's key still ends as it did, and is still known as one. */
export const AS_TEXT = 'text:'

export interface RecordTexts {
  /** One for each documented key, in the order of RECORD_FIELDS: a string's characters, other values' JSON text. */
  readonly texts: readonly (string | null)[]
  /** The JSON object of all other members, or null when there are none. */
  readonly unknown: string | null
  /** What the ids among these add to the text of `content_hash`, as `undocumentedIds` of identity.ts has it; may be empty. */
  readonly ids: string
}

/**
 * Where a key stands twice within a value of `unknown`, readers of JSON disagree on what it says. Such a value is no member
 * under its key, where each would give its own answer, but under `text:` and the key, as the text that arrived.
 *
 * @param members each key once
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

/** The text of an object with these members, its keys in the order of their code points, as every `extra` has them. */
export const objectOf = (members: Iterable<readonly [key: string, value: string]>): string =>
  `{${inKeyOrder(members)
    .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
    .join(',')}}`

const inKeyOrder = <T>(members: Iterable<readonly [key: string, value: T]>): (readonly [string, T])[] =>
  [...members].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

const sized = (text: string): string => `${Buffer.byteLength(text)}:${text}`

/** A documented key's value as its text; null is as if absent. */
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
