/** The members of a JSON object as they stand in its text: no number passes through a double. */

import { RECORD_FIELDS } from '../../schemas/tables.js'

const KNOWN = new Set(RECORD_FIELDS)

export interface RecordTexts {
  /** One for each documented key, in the order of RECORD_FIELDS: a string's characters, other values' JSON text. */
  readonly texts: readonly (string | null)[]
  /** The JSON object of all other members, or null when there are none. */
  readonly unknown: string | null
  /** What the ids among these add to the text of `content_hash`, as `undocumentedIds` of identity.ts has it; may be empty. */
  readonly ids: string
}

/**
 * @param json the text of an object that JSON.parse accepts; of equal keys the last one counts, as it does there
 */
export function recordTexts(json: string): RecordTexts {
  const known = new Map<string, string | null>()
  const unknown = new Map<string, string>()
  for (const [key, value] of members(json)) {
    if (KNOWN.has(key)) known.set(key, value === 'null' ? null : textOf(value))
    else if (value === 'null') unknown.delete(key)
    else unknown.set(key, value)
  }
  return {
    texts: RECORD_FIELDS.map((field) => known.get(field) ?? null),
    unknown: unknown.size === 0 ? null : objectOf(unknown),
    ids: inKeyOrder(unknown)
      .filter(([key]) => /_(?:asset|id)$/.test(key))
      .map(([key, value]) => `,${sized(key)}=${sized(textOf(value))}`)
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

/** A string's characters, any other value's JSON text. */
const textOf = (json: string): string => (json.startsWith('"') ? JSON.parse(json) : json)

/** The members of an object's text, which JSON.parse accepts: each key, and its value as JSON.stringify would write it. */
export function* members(json: string): Generator<[key: string, value: string]> {
  let at = json.indexOf('{') + 1
  for (;;) {
    const keyStart = json.indexOf('"', at)
    if (keyStart === -1) return
    const keyEnd = endOfString(json, keyStart)
    const valueStart = json.indexOf(':', keyEnd) + 1
    const { value, end } = readValue(json, valueStart)
    yield [JSON.parse(json.slice(keyStart, keyEnd)), value]
    at = end
  }
}

/** The value at `start` as JSON.stringify would write it, but numbers to the digit; and where it ends. */
function readValue(json: string, start: number): { value: string; end: number } {
  let value = ''
  let depth = 0
  let at = start
  for (; at < json.length; at++) {
    const character = json[at] as string
    if (character === '"') {
      const end = endOfString(json, at)
      value += JSON.stringify(JSON.parse(json.slice(at, end)))
      at = end - 1
      continue
    }
    if (character <= ' ') continue
    if (depth === 0 && (character === ',' || character === '}')) break
    if (character === '{' || character === '[') depth++
    if (character === '}' || character === ']') depth--
    value += character
  }
  return { value, end: at }
}

/** The place behind the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at + 1
}
