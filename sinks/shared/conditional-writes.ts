/** Proves that a store respects conditional writes, without which two loads at once overwrite each other's work. */

import { AuditError } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'

/**
 * Tries to write over an object that exists, on conditions that do not hold. Three small requests if the object exists already;
 * a store that ignores the conditions only replaces the object by its equal.
 *
 * @param id      of the sink, for the message
 * @param content of the object, which is the same in every run
 * @throws AuditError when one of the writes is carried out
 */
export async function requireConditionalWrites(
  id: string,
  store: ObjectStore,
  key: string,
  content: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const create = (): Promise<string | null> => store.write(key, content, 'absent', signal)
  if ((await create()) !== null && (await create()) !== null) throw ignored(id, 'only if it did not exist')
  const existing = await store.find(key, signal)
  if (existing === null) return
  const version = another(existing.version)
  if ((await store.write(key, content, { version }, signal)) !== null) throw ignored(id, 'only over another version')
}

/** A version of the same form that the object does not have: ETags are hexadecimal, generations decimal. */
const another = (version: string): string => version.replace(/.$/, (last) => (last === '0' ? '1' : '0'))

const ignored = (id: string, condition: string): AuditError =>
  new AuditError(`${id}: the store wrote over an object that it was told to write ${condition}; nothing is loaded`, {
    advice:
      'It ignores conditional writes, so two loads at once would lose data there. Use another store, or a later version of this one: docs/s3.md.',
    outside: true,
  })
