/** Persons whose names are erased: known by keyed hashes only, so that nobody can look through them for a name without the key. */

import { usageError } from '../errors.js'
import { addressesIn } from './addresses.js'
import type { PrivacyKey } from './key.js'
import { emailForm, nameForm } from './normal.js'

/** An e-mail address, a user id, or the name of a user's own entity. */
export type PersonKind = 'email' | 'id' | 'name'

export interface Person {
  readonly kind: PersonKind
  /** The form in which it is compared. */
  readonly form: string
  /** As it was given, without white space around it. */
  readonly given: string
}

const FORMS: Readonly<Record<PersonKind, (text: string) => string>> = {
  email: emailForm,
  id: (text) => text.trim(),
  name: nameForm,
}

/** @throws AuditError, exit code 2, without the text, when it is neither */
export function parsePerson(text: string): Person {
  const [, kind, rest] = /^\s*(?:(id|name):)?(.*)$/s.exec(text) ?? []
  const person = personOf((kind ?? 'email') as PersonKind, rest ?? '')
  if (person.form !== '' && (person.kind !== 'email' || isAddress(person.form))) return person
  throw usageError(
    'a person is named by an e-mail address, id:USER_ID, or name:ENTITY_NAME',
    'For example `id:1234`, or `name:ada` for the entity and the artifacts of the user ada.',
  )
}

/** Not a name beside an address, several, or a URL: no text would ever be found. */
function isAddress(form: string): boolean {
  const [whole] = addressesIn(form)
  return whole === form && !/[:;,<>]/.test(form)
}

export const personOf = (kind: PersonKind, text: string): Person => ({
  kind,
  form: FORMS[kind](text),
  given: text.trim(),
})

/** What is remembered of an erased person. */
export const erasureId = (key: PrivacyKey, { kind, form }: Person): string => key.keyed(`erased ${kind}`, form)
