/** One text for all JSON texts of the same value, with all digits of its numbers. */

import { stringEnd } from '../transform/extras.js'

/** How a sink keeps JSON: as it was loaded, parsed, or parsed into numbers that may lose digits. */
export type JsonKept = 'text' | 'parsed' | 'rounded'

export interface Reading {
  readonly kept: JsonKept
  /** Which of several members with one key counts; `all`: each does, as in a text. */
  readonly repeated: 'all' | 'first' | 'last'
}

/** Of a string only the quote. */
const TOKEN = /\s*([{}[\],:"]|[^\s{}[\],:"]+)/y
/** Numbers that a double may not hold, or not write in the same way. */
const INEXACT = /[.eE]|[0-9]{19}|^-0$/

/**
 * The members of an object, each value in its one form; null when it is no object, or one with a key twice that counts.
 *
 * @throws SyntaxError when the text is not JSON
 */
export function canonicalMembers(json: string, reading: Reading): ReadonlyMap<string, string> | null {
  JSON.parse(json)
  const tokens = tokensOf(json)
  if (next(tokens) !== '{') return null
  const pairs = pairsOf(tokens, reading)
  const members = new Map(pairs)
  return members.size === pairs.length ? members : null
}

function canonical(token: string, tokens: Iterator<string>, reading: Reading): string {
  if (token === '{')
    return `{${pairsOf(tokens, reading)
      .map(([key, value]) => `${key}:${value}`)
      .join(',')}}`
  if (token === '[') return `[${itemsOf(tokens, reading).join(',')}]`
  if (token.startsWith('"')) return textOf(token)
  return reading.kept === 'rounded' && INEXACT.test(token) ? String(Number(token)) : token
}

/** Sorted by key. */
function pairsOf(tokens: Iterator<string>, reading: Reading): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = []
  const places = new Map<string, number>()
  for (let token = next(tokens); token !== '}'; token = next(tokens)) {
    if (token === ',') continue
    const key = textOf(token)
    next(tokens)
    const pair = [key, canonical(next(tokens), tokens, reading)] as const
    const known = reading.repeated === 'all' ? undefined : places.get(key)
    if (known === undefined) places.set(key, pairs.push(pair) - 1)
    else if (reading.repeated === 'last') pairs[known] = pair
  }
  return pairs.sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
}

function itemsOf(tokens: Iterator<string>, reading: Reading): readonly string[] {
  const items: string[] = []
  for (let token = next(tokens); token !== ']'; token = next(tokens)) {
    if (token !== ',') items.push(canonical(token, tokens, reading))
  }
  return items
}

function* tokensOf(json: string): Generator<string> {
  const tokens = new RegExp(TOKEN)
  for (let found = tokens.exec(json); found !== null; found = tokens.exec(json)) {
    const [, token = ''] = found
    if (token !== '"') yield token
    else {
      const start = tokens.lastIndex - 1
      tokens.lastIndex = stringEnd(json, start)
      yield json.slice(start, tokens.lastIndex)
    }
  }
}

const textOf = (token: string): string => JSON.stringify(JSON.parse(token))

const next = (tokens: Iterator<string>): string => tokens.next().value
