/** What sinks get of a value: the rules of the setting `privacy`, and the erasures that the sinks remember. */

import { members, stringEnd } from '../transform/extras.js'
import { AS_TEXT, objectOf, textOf } from '../transform/members.js'
import { addressesIn } from './addresses.js'
import type { PrivacyKey } from './key.js'
import { requireKey } from './key.js'
import { emailForm, nameForm, networkOf } from './normal.js'
import { erasureId, type Person, type PersonKind, personOf } from './persons.js'
import { NO_RULES, type Rules } from './rules.js'

export interface Privacy {
  readonly rules: Rules
  readonly key: PrivacyKey | null
  /** The `erasureId`s of the persons whose names are erased. */
  readonly erased: ReadonlySet<string>
}

export const NO_PRIVACY: Privacy = { rules: NO_RULES, key: null, erased: new Set() }

/** What a pseudonym begins with; 128 bits in hex follow. */
export const PSEUDONYM = 'pseudonym:'
const PSEUDONYM_DIGITS = 32

const EMAILS: ReadonlySet<string> = new Set(['actor_email', 'user_email'])

/** Columns in which an erasure may find a person. */
export const PERSONAL: ReadonlySet<string> = new Set([
  ...EMAILS,
  'entity_name',
  'project_name',
  'report_name',
  'artifact_qualified_name',
])

/** Values repeat in nearly every row, and a digest costs more than a look-up. */
const MOST_KNOWN = 50_000
/** Longer ones are computed each time: an attacker could fill the memory with them. */
const LONGEST_KNOWN = 256

export interface Shown {
  /** The value of a column, as sinks get it; null for none. */
  value(column: string, text: string): string | null
  /** `extra`, as sinks get it; null when nothing is left. */
  extra(json: string): string | null
  isErased(kind: PersonKind, text: string): boolean
  /** Whether a value of a column names an erased person. */
  hidesPerson(column: string, text: string): boolean
  /** Whether a text, or what it is the base64 of, contains the e-mail address of an erased person. */
  mentionsErased(text: string): boolean
}

export function shownBy({ rules, key, erased }: Privacy): Shown {
  const known = new Map<string, string | null>()
  const isErased = (kind: PersonKind, text: string): boolean =>
    erased.size > 0 && erased.has(erasureId(requireKey(key, 'an erasure'), personOf(kind, text)))

  function hidesPerson(column: string, text: string): boolean {
    if (erased.size === 0) return false
    if (!PERSONAL.has(column)) return false
    if (mentionsErased(text)) return true
    if (EMAILS.has(column)) return isErased('email', text)
    if (column === 'entity_name') return isErased('name', text)
    return column === 'artifact_qualified_name' && isErased('name', text.split('/', 1)[0] ?? '')
  }

  function computed(column: string, text: string): string | null {
    if (hidesPerson(column, text)) return null
    switch (rules.columns.get(column)) {
      case 'drop':
        return null
      case 'truncate':
        return networkOf(text)
      case 'pseudonym':
        return pseudonym(requireKey(key, 'a pseudonym'), EMAILS.has(column) ? emailForm(text) : text)
      default:
        return text
    }
  }

  function value(column: string, text: string): string | null {
    if (text.length > LONGEST_KNOWN) return computed(column, text)
    const id = `${column} ${text}`
    const there = known.get(id)
    if (there !== undefined) return there
    if (known.size >= MOST_KNOWN) known.clear()
    const shown = computed(column, text)
    known.set(id, shown)
    return shown
  }

  const nobody = new Set<string>()

  function mentions(text: string): boolean {
    for (const address of addressesIn(text)) {
      if (nobody.has(address)) continue
      if (isErased('email', address)) return true
      if (nobody.size >= MOST_KNOWN) nobody.clear()
      if (address.length <= LONGEST_KNOWN) nobody.add(address)
    }
    return false
  }

  // A line that is not text is kept in base64.
  const mentionsErased = (text: string): boolean =>
    erased.size > 0 &&
    (mentions(text) || (/^[\w+/]+=*$/.test(text) && mentions(Buffer.from(text, 'base64').toString('utf8'))))

  const isErasedText = (text: string): boolean => isErased('name', text) || mentionsErased(text)

  function extra(json: string): string | null {
    if (!rules.keepsExtra) return null
    const kept: [string, string][] = []
    for (const [key, written] of members(json)) {
      if (isErasedText(key)) continue
      const column = columnOf(key)
      const text = textOf(written)
      const isColumn = rules.columns.has(column) || hidesPerson(column, text ?? '')
      const shown = isColumn ? value(column, text ?? '') : null
      if (!isColumn) kept.push([key, erased.size === 0 ? written : withoutErased(written, isErasedText)])
      else if (shown !== null) kept.push([key, JSON.stringify(shown)])
    }
    return kept.length === 0 ? null : objectOf(kept)
  }

  return { value, extra, isErased, hidesPerson, mentionsErased }
}

/** An extra as `extra` returns it when there is nothing to hide. */
export const sortedExtra = (json: string): string => objectOf(members(json))

/** Also takes the pseudonyms of persons, which sinks with that rule hold, for their names. */
export function withPseudonyms(shown: Shown, key: PrivacyKey, persons: readonly Person[]): Shown {
  // A name's pseudonym is of its exact text.
  const texts = persons.flatMap(({ kind, form, given }) => (kind === 'id' ? [] : [form, given]))
  const pseudonyms = new Set(texts.map((text) => pseudonym(key, text)))
  return { ...shown, hidesPerson: (column, text) => pseudonyms.has(text) || shown.hidesPerson(column, text) }
}

const pseudonym = (key: PrivacyKey, form: string): string =>
  PSEUDONYM + key.keyed('pseudonym', form).slice(0, PSEUDONYM_DIGITS)

/** A value that its column cannot hold is in `extra` under the column's name. */
function columnOf(key: string): string {
  let column = nameForm(key)
  while (column.startsWith(AS_TEXT)) column = column.slice(AS_TEXT.length)
  return column
}

/** What is left in `extra` of a text that names an erased person. */
const ERASED = '"erased"'

function withoutErased(json: string, isErased: (text: string) => boolean): string {
  const kept: string[] = []
  let end = 0
  for (let start = json.indexOf('"'); start !== -1; start = json.indexOf('"', end)) {
    kept.push(json.slice(end, start))
    end = stringEnd(json, start)
    const text = json.slice(start, end)
    kept.push(isErased(JSON.parse(text)) ? ERASED : text)
  }
  return kept.join('') + json.slice(end)
}
