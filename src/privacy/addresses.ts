/**
 * Finds e-mail addresses in any text. An attacker may have written it: time is linear in its length, and no regular
 * expression with an open end sees more of it than a few hundred characters.
 */

import { undoEscapes } from './escapes.js'
import { emailForm } from './normal.js'

/** A text is read in pieces, so that its copies are small. */
const PIECE = 16_384
/** Of a piece, which the next one begins with: an address may begin there, each of its characters an escape. */
const OVERLAP = 4096
/** Characters before and after the `@` in which an address is looked for: RFC 5321 allows 64 and 255. */
const [MOST_BEFORE, MOST_AFTER] = [128, 320]
/** JSON in JSON in JSON in a URL. */
const MOST_ESCAPED = 4

/** A text without any of these has no address. */
const HINT = /[@\\%\uFE6B\uFF20]/
const GAP = /[\s@]/u
/** Writings of \p{Lo}, like Chinese, put no space before an address. */
const WORD = /(?<![\p{L}\p{N}\p{M}])[\p{L}\p{N}]|(?<=\p{Lo})[a-z0-9]/giu
/** What a domain may consist of in some place; white space ends it. */
const DOMAIN = /^(?:(?!\s)[\p{L}\p{N}\p{M}\p{Cf}\p{Cc}._-])*/u
const NOT_PLAIN = /[^a-z0-9.-]/i

/**
 * Each part of a text that may be an e-mail address, in the form in which addresses are compared, also where its
 * characters are written as escapes of JSON or of URLs. Anything may stand beside an address, and much of it is allowed
 * in one: so each word before an `@` may be the first of it.
 */
export function* addressesIn(text: string): Generator<string> {
  for (let from = 0; from === 0 || from + OVERLAP < text.length; from += PIECE - OVERLAP) {
    const piece = text.slice(from, from + PIECE)
    if (!HINT.test(piece)) continue
    yield* inPiece(piece, { isFirst: from === 0, isLast: from + PIECE >= text.length })
  }
}

interface Ends {
  readonly isFirst: boolean
  readonly isLast: boolean
}

function* inPiece(piece: string, ends: Ends): Generator<string> {
  const seen = new Set<string>()
  let plain = normalized(piece)
  for (let level = 0; level <= MOST_ESCAPED; level++) {
    for (const candidate of candidatesIn(plain, ends)) {
      if (seen.has(candidate)) continue
      seen.add(candidate)
      yield emailForm(candidate)
    }
    const undone = normalized(undoEscapes(plain))
    if (undone === plain) return
    plain = undone
  }
}

/** What a piece cuts in two is whole in the next one, or in the one before. */
function* candidatesIn(text: string, { isFirst, isLast }: Ends): Generator<string> {
  let before = 0
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    const local =
      text
        .slice(Math.max(before, at - MOST_BEFORE), at)
        .split(GAP)
        .at(-1) ?? ''
    const [domain = ''] = DOMAIN.exec(text.slice(at + 1, at + 1 + MOST_AFTER)) ?? []
    before = at + 1
    if (local === '' || domain === '' || (!isLast && before + domain.length === text.length)) continue
    const starts = new Set([0, ...[...local.matchAll(WORD)].map(({ index }) => index)])
    if (!isFirst && at === local.length) starts.delete(0)
    const domains = new Set([domain, domain.split(NOT_PLAIN, 1)[0] ?? ''].flatMap((each) => [each, trimmed(each)]))
    for (const start of starts) for (const each of domains) yield `${local.slice(start)}@${each}`
  }
}

/** Without the end of a sentence. */
function trimmed(domain: string): string {
  let end = domain.length
  while ('._-'.includes(domain.charAt(end - 1)) && end > 0) end--
  return domain.slice(0, end)
}

const MANY_MARKS = /\p{M}{31}/u
const MORE_MARKS = /(?<=\p{M}{30})\p{M}/gu

/** Ordering many combining marks takes quadratic time: of a row of them, 30 count, as in UAX #15's Stream-Safe Text. */
const normalized = (text: string): string =>
  (MANY_MARKS.test(text) ? text.replace(MORE_MARKS, '') : text).normalize('NFKC')
