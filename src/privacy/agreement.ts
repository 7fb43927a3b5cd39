/** A sink and a run agree on privacy before anything is loaded: one sink never mixes values that were treated differently. */

import type { LoadingSink, PrivacyRecord } from '../contract.js'
import { usageError } from '../errors.js'
import { type PrivacyKey, requireKey } from './key.js'
import { inWords, needsKey } from './rules.js'
import type { Privacy } from './shown.js'

/** The id of the record of a sink's rules. */
const RULES = 'rules'
/** Stands between the rules and the check value of their key. */
const KEY = 'key '

/** What a sink with these rules remembers of them; null without rules. */
function recordOf({ rules, key }: Privacy): PrivacyRecord | null {
  const words = inWords(rules)
  if (words === '') return null
  const checked = needsKey(rules) ? [words, KEY + requireKey(key, 'privacy: a pseudonym').check] : [words]
  return { privacy_id: RULES, kind: 'rules', value: checked.join('; ') }
}

/** What is remembered of an erased person. */
export const erasedRecord = (key: PrivacyKey, privacy_id: string): PrivacyRecord => ({
  privacy_id,
  kind: 'erased',
  value: KEY + key.check,
})

/**
 * Makes the rules of an empty sink those of the run.
 *
 * @returns the ids of the persons whose names are erased in the sink
 * @throws AuditError, exit code 2, when the sink was loaded under other rules or with another key, or when the key of its
 *   erasures is missing; nothing is loaded then
 */
export async function agree(sink: LoadingSink, privacy: Privacy): Promise<readonly string[]> {
  if (sink.remembered === undefined) return []
  const wanted = recordOf(privacy)
  const { records, hasLoads } = await sink.remembered()
  if (wanted === null || hasLoads || records.some(({ kind }) => kind === 'rules'))
    return respected(sink, records, privacy)
  // Of erasures before the first load: rules of another key would lock the sink for both.
  requireKeyOf(sink.id, records, privacy.key)
  await sink.remember?.([wanted])
  // Another run may have been faster.
  return erasedIn(sink, privacy)
}

/**
 * Lets a sink remember the erasures of the run's other sinks: it gets none of these names either, and whoever verifies it
 * alone must know.
 *
 * @param known what the sink itself remembers
 */
export async function share(
  sink: LoadingSink,
  { key, erased }: Privacy,
  known: readonly string[] | undefined = [],
): Promise<void> {
  const others = [...erased].filter((id) => !known.includes(id))
  if (others.length === 0) return
  const made = requireKey(key, 'an erasure')
  await sink.remember?.(others.map((id) => erasedRecord(made, id)))
}

/**
 * What `agree` returns and throws, for a sink that nothing is loaded into.
 *
 * @throws AuditError, exit code 2, as `agree` does
 */
export async function erasedIn(sink: LoadingSink, privacy: Privacy): Promise<readonly string[]> {
  return sink.remembered === undefined ? [] : respected(sink, (await sink.remembered()).records, privacy)
}

function respected({ id }: LoadingSink, records: readonly PrivacyRecord[], privacy: Privacy): readonly string[] {
  const wanted = recordOf(privacy)
  const rules = records.filter(({ kind }) => kind === 'rules')
  if (rules.some(({ value }) => value !== wanted?.value) || (wanted !== null && rules.length === 0)) {
    throw otherRules(id, rules[0]?.value ?? '', wanted?.value ?? '')
  }
  const erased = records.filter(({ kind }) => kind === 'erased')
  requireKeyOf(id, erased, privacy.key)
  return erased.map(({ privacy_id }) => privacy_id)
}

/** @throws AuditError, exit code 2, unless the key is the one that these records were made with, if they needed one */
export function requireKeyOf(id: string, records: readonly PrivacyRecord[], key: PrivacyKey | null): void {
  for (const { kind, value } of records) {
    const at = value.lastIndexOf(KEY)
    if (at === -1) continue
    const [made, doing] =
      kind === 'erased' ? ['erasures', 'loading where names were erased'] : ['pseudonyms', 'privacy: a pseudonym']
    if (value.slice(at) === KEY + requireKey(key, `${id}: ${doing}`).check) continue
    throw usageError(
      `${id}: its ${made} were made with another privacy key; nothing is loaded or erased`,
      'Give the key that they were made with: one sink has one key.',
    )
  }
}

function otherRules(id: string, there: string, wanted: string) {
  const [before, now] = [there, wanted].map((rules) => rules.replace(new RegExp(`;? ?${KEY}.*$`), ''))
  const said = (rules = ''): string => (rules === '' ? 'without privacy' : `with privacy (${rules})`)
  const why =
    before === now
      ? 'its pseudonyms were made with another privacy key'
      : `it was loaded ${said(before)}, and this run is ${said(now)}`
  return usageError(
    `${id}: ${why}; nothing is loaded, because one sink does not mix the two`,
    'Use the same setting and key, or load into a new sink: docs/privacy.md.',
  )
}
