/** Characters that JSON or a URL writes as escapes. */

const BACKSLASH = 0x5c
const PERCENT = 0x25
/** The escapes of JSON that stand for white space; `\b` separates as well. */
const GAPS = 'bfnrt'

const FOUR_DIGITS = /^[0-9a-f]{4}$/i
/** One character in UTF-8. */
const BYTES = /^%[0-9a-f]{2}(?:%[89ab][0-9a-f]){0,3}/i
const LONGEST_BYTES = 12

/** The text with one level of escapes undone. It does not tell JSON from URLs, and reads both. */
export function undoEscapes(text: string): string {
  let plain = ''
  let end = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code !== BACKSLASH && code !== PERCENT) continue
    const [length, character] = code === BACKSLASH ? ofJson(text, at) : ofUrl(text, at)
    if (length === 0) continue
    plain += text.slice(end, at) + character
    end = at + length
    at = end - 1
  }
  return plain + text.slice(end)
}

/** How many characters the escape has, and for what it stands. */
type Escape = readonly [length: number, character: string]

function ofJson(text: string, at: number): Escape {
  const kind = text.charAt(at + 1)
  const digits = text.slice(at + 2, at + 6)
  if (kind === 'u' && FOUR_DIGITS.test(digits)) return [6, String.fromCharCode(Number.parseInt(digits, 16))]
  return [1 + kind.length, kind !== '' && GAPS.includes(kind) ? ' ' : kind]
}

function ofUrl(text: string, at: number): Escape {
  const [bytes = ''] = BYTES.exec(text.slice(at, at + LONGEST_BYTES)) ?? []
  return [bytes.length, Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8')]
}
