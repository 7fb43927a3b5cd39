/** One text for all JSON texts of the same value, with all digits of its numbers. */

/** How a sink keeps JSON: as it was loaded, parsed, or parsed into numbers that may lose digits. */
export type JsonKept = 'text' | 'parsed' | 'rounded'

export interface Reading {
  readonly kept: JsonKept
  /** Which of several members with one key counts; `all`: each does, as in a text. */
  readonly repeated: 'all' | 'first' | 'last'
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs
/** Numbers that a double may not hold, or not write in the same way. */
const INEXACT = /[.eE]|[0-9]{19}|^-0$/

/**
 * The members of an object, each value in its one form; null when it is no object, or one with a key twice that counts.
 *
 * @throws SyntaxError when the text is not JSON
 */
export function canonicalMembers(json: string, reading: Reading): ReadonlyMap<string, string> | null {
  JSON.parse(json)
  const tokens = json.match(TOKEN)?.values()
  if (tokens?.next().value !== '{') return null
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
  let pairs: (readonly [string, string])[] = []
  for (let token = next(tokens); token !== '}'; token = next(tokens)) {
    if (token === ',') continue
    const key = textOf(token)
    next(tokens)
    const value = canonical(next(tokens), tokens, reading)
    const isKnown = reading.repeated !== 'all' && pairs.some(([known]) => known === key)
    if (isKnown && reading.repeated === 'first') continue
    if (isKnown) pairs = pairs.filter(([known]) => known !== key)
    pairs.push([key, value])
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

const textOf = (token: string): string => JSON.stringify(JSON.parse(token))

const next = (tokens: Iterator<string>): string => tokens.next().value
