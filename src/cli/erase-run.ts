/** Erases persons in one sink, for the command. */

import { text } from 'node:stream/consumers'
import { remainsIn } from '../../sinks/index.js'
import type { Sink } from '../contract.js'
import { AuditError, usageError } from '../errors.js'
import { erasedRecord, requireKeyOf } from '../privacy/agreement.js'
import { type Found, findErased } from '../privacy/finding.js'
import { requireKey } from '../privacy/key.js'
import { erasureId, type Person, parsePerson } from '../privacy/persons.js'
import { NO_RULES } from '../privacy/rules.js'
import { type Privacy, shownBy, withPseudonyms } from '../privacy/shown.js'

/** @throws AuditError, exit code 2, when nobody is named, or not in a form that is known */
export async function personsFrom(
  named: readonly string[] | undefined,
  input: NodeJS.ReadableStream & { readonly isTTY?: boolean },
): Promise<readonly Person[]> {
  if (named !== undefined) return named.map(parsePerson)
  if (input.isTTY === true)
    process.stderr.write('Enter an e-mail address, id:USER_ID or name:ENTITY_NAME on each line; end with Ctrl-D.\n')
  const lines = (await text(input)).split('\n').filter((line) => line.trim() !== '')
  if (lines.length > 0) return lines.map(parsePerson)
  throw usageError(
    'standard input names nobody',
    'Write an e-mail address, id:USER_ID or name:ENTITY_NAME on each line.',
  )
}

/** What was cleared: numbers of events by column, and of conflicts and rejects. */
export interface EraseReport {
  readonly sink: string
  readonly cleared: Readonly<Record<string, number>>
  readonly remembered: boolean
  readonly remains: string
}

/**
 * @param dryRun changes nothing
 * @throws AuditError when the sink cannot erase, or its erasures were made with another key; nothing is changed then
 */
export async function eraseIn(
  sink: Sink,
  persons: readonly Person[],
  privacy: Privacy,
  dryRun: boolean,
): Promise<EraseReport> {
  const key = requireKey(privacy.key, 'an erasure')
  const erased = new Set(persons.map((person) => erasureId(key, person)))
  const shown = withPseudonyms(shownBy({ rules: NO_RULES, key, erased }), key, persons)
  const report = { sink: sink.id, remembered: !dryRun, remains: remainsIn(sink.id) }

  if (!dryRun) await sink.prepare()
  const { records, hasLoads } = await sink.remembered()
  requireKeyOf(sink.id, records, key)
  const { query } = sink
  const { personal } = sink.questions
  if (hasLoads && (sink.erase === undefined || personal === undefined)) throw cannotErase(sink.id)
  const find = async (): Promise<Found | null> =>
    hasLoads && personal !== undefined ? findErased({ query, questions: personal }, shown) : null
  const found = await find()
  const cleared = found?.counts ?? {}
  if (dryRun) return { ...report, cleared }

  // First of all, so that loads which begin from now on do not bring back what is being cleared.
  await sink.remember([...erased].map((id) => erasedRecord(key, id)))
  if (found !== null && !isNothing(found)) {
    await sink.erase?.(found.erasure)
    const left = await find()
    if (left !== null && !isNothing(left)) throw broughtBack(sink.id)
  }
  return { ...report, cleared }
}

const isNothing = ({ counts }: Found): boolean => Object.keys(counts).length === 0

const cannotErase = (id: string): AuditError =>
  new AuditError(`${id}: its tables cannot be changed from here; nothing is cleared or remembered`, {
    advice: 'Erase in a new, empty one, which remembers it, and load the archive into that: docs/privacy.md.',
  })

const broughtBack = (id: string): AuditError =>
  new AuditError(`${id}: a load that was running has brought back what was cleared`, {
    advice: 'Run it again when that load has ended. Later loads respect the erasure.',
    retryable: true,
  })
