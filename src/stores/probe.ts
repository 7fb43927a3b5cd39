/**
 * Proves on a store what sinks and archives rely on, with an object of its own, which is removed however it ends.
 *
 * Each probe returns what it has proven, in words.
 */

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AuditError, printable } from '../errors.js'
import { digesting } from './checksum.js'
import type { ObjectStore } from './contract.js'

/** For the removal, which also takes place after an interrupt. */
const NEVER_ABORTED = new AbortController().signal

/** How long the lock of a probe lasts; the object can be removed only after. */
const LOCK_MS = 4_000

const BYTES = 4096

/**
 * Conditional writes, reading back, the checksum, listing and removal.
 *
 * @param prefix below which nobody else writes
 * @throws AuditError that says which of them the store does not keep to
 */
export async function probeWrites(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<string> {
  const key = `${prefix}probe`
  const [one, other] = [randomBytes(BYTES), randomBytes(BYTES)]
  const refuse = (what: string, why: string): never => {
    throw new AuditError(`${printable(store.id)}: ${what}`, {
      advice: `${why} Use another store, or a later version of this one: docs/buckets.md.`,
    })
  }
  try {
    const first = await store.write(key, one, 'absent', signal)
    if (first === null) return refuse('a new object was taken for one that exists', 'Nothing can be written there.')
    if ((await store.write(key, other, 'absent', signal)) !== null)
      refuse(
        'it wrote over an object that it was told to write only if it did not exist (If-None-Match)',
        'Two loads at once would lose data there.',
      )
    const second = await store.write(key, other, { version: first }, signal)
    if (second === null || second === first)
      return refuse('it did not write over the version that exists (If-Match)', 'Nothing can be changed there.')
    if ((await store.write(key, one, { version: first }, signal)) !== null)
      refuse('it wrote over another version than it was told to (If-Match)', 'Two loads at once would lose data there.')
    const reading = await store.read({ key, version: second }, 0, signal)
    if (reading === null) return refuse('what was just written cannot be read', 'It is not consistent.')
    const chunks: Uint8Array[] = []
    for await (const chunk of reading.chunks) chunks.push(chunk)
    if (!Buffer.concat(chunks).equals(other)) refuse('it returned other bytes than were written', 'It damages data.')
    const { checksum } = reading
    if (checksum !== null) {
      const digest = digesting(checksum)
      digest.update(other)
      if ((await digest.base64()) !== checksum.digest)
        refuse('its checksum is not that of the bytes', 'No document could be read whole.')
    }
    if ((await store.read({ key, version: first }, 0, signal)) !== null)
      refuse('it returned another version than was asked for', 'A document could change while it is read.')
    const keys: string[] = []
    for await (const object of store.list(prefix, signal)) keys.push(object.key)
    if (!keys.includes(key)) refuse('what was just written is not listed', 'Loads would miss each other there.')
    await store.remove(key, signal)
    if ((await store.find(key, signal)) !== null) refuse('a removed object is still found', 'It is not consistent.')
    const sum = checksum === null ? 'without a checksum' : `with a right ${checksum.algorithm}`
    return `conditional writes are kept to; what is read is what was written, ${sum}; what is removed is gone`
  } finally {
    await store.remove(key, NEVER_ABORTED).catch(() => {})
  }
}

/**
 * A lock that ends in seconds: the store states it, and nobody can write over or remove the object before.
 *
 * @param prefix below which nobody else writes
 * @throws AuditError when it does not hold
 */
export async function probeLocks(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<string> {
  const key = `${prefix}lock`
  if (store.locks === undefined) throw notLocked(store, 'it cannot lock objects')
  const until = new Date(Date.now() + LOCK_MS)
  const written = await store.write(key, randomBytes(BYTES), 'absent', signal, until)
  try {
    let stated: Date | null = null
    for await (const object of store.locks(prefix, signal)) if (object.key === key) stated = object.until
    // Some stores count in whole seconds.
    if (stated === null || stated.getTime() < until.getTime() - 1000)
      throw notLocked(store, 'an object that was written with a lock has none')
    if (written !== null) await store.remove(key, signal).catch(() => {})
    const left = until.getTime() - Date.now()
    const isThere = store.read({ key, version: written ?? '' }, 0, signal).then((reading) => reading !== null)
    if (left > 0 && !(await isThere)) throw notLocked(store, 'a locked object could be removed')
    return 'an object was locked, and could not be removed before its lock ended'
  } finally {
    await sleep(Math.max(0, until.getTime() + 1000 - Date.now()))
    await store.remove(key, NEVER_ABORTED).catch(() => {})
  }
}

const notLocked = ({ id }: ObjectStore, what: string): AuditError =>
  new AuditError(`${printable(id)}: ${what}`, {
    advice: 'Turn on locks for the bucket, and give the loader the right to set them: docs/retention.md.',
  })
