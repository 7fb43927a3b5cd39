/**
 * Proves that a store does what sinks and archives rely on, with an object of its own, which is removed however the probe ends.
 *
 * Each probe returns a description of what it has proven.
 */

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AuditError, printable } from '../errors.js'
import { digesting } from './checksum.js'
import type { ObjectStore } from './contract.js'

/** For the removal, which happens even after an interrupt. */
const NEVER_ABORTED = new AbortController().signal

/** How long the lock lasts, and how much later the object is removed, because some stores count in whole seconds. */
const LOCK = { lastsMs: 4_000, marginMs: 1_000 }

const BYTES = 4096

/** Something a probe could not do, although nothing is wrong with the store. */
interface Warning {
  readonly warning: string
  readonly cure: string
}

/** An object that the bucket locks by default would stay for years, even as a deleted version. */
export const KEPT: Warning = {
  warning: 'the bucket locks new objects by default, so a probe could not be removed: nothing was written',
  cure: 'If there is one, probe a bucket with the same settings but without the lock.',
}

/**
 * Probes conditional writes, reading back, the checksum, listing and removal.
 *
 * @param prefix nobody else writes below it
 * @returns a warning when the object could not be removed, or was not written because the bucket would lock it
 * @throws AuditError that says which of them the store violates, and what is left there
 */
export async function probeWrites(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<string | Warning> {
  if ((await store.locksByItself?.(signal)) === true) return KEPT
  const key = `${prefix}probe`
  const remove = () => store.remove(key, NEVER_ABORTED)
  const proven = await removing(`its object ${printable(key)}`, () => writesAreKept(store, key, signal), remove)
  if (typeof proven !== 'string') return proven
  if ((await store.find(key, signal)) !== null)
    refusing(store)('a removed object is still found', 'It is not consistent.')
  return `${proven}; a removed object is gone`
}

/** The error of a probe that could not remove what it had made. */
export class LeftBehind extends AuditError {
  /** What is left, and why. */
  readonly left: string

  constructor(cause: AuditError, left: string) {
    const { advice, exitCode } = cause
    super(`${cause.message}; ${left}`, { ...(advice === undefined ? {} : { advice }), exitCode, cause })
    this.left = left
  }
}

/**
 * Does the work of a probe, then removes what it made, however the work ended.
 *
 * @param what what is removed, for messages
 * @returns what `work` has proven; a warning when the removal failed
 * @throws what `work` throws; LeftBehind when the removal failed too
 */
export async function removing(
  what: string,
  work: () => Promise<string>,
  remove: () => Promise<unknown>,
): Promise<string | Warning> {
  const outcome = await work().then(
    (proven) => ({ proven }),
    (error: unknown) => ({ error }),
  )
  const why = await remove().then(
    () => null,
    (error: unknown) => (error instanceof AuditError ? error.message : 'an unexpected error'),
  )
  const left = `${what} could not be removed: ${why}`
  if ('error' in outcome)
    throw why !== null && outcome.error instanceof AuditError ? new LeftBehind(outcome.error, left) : outcome.error
  if (why === null) return outcome.proven
  return {
    warning: `${outcome.proven}; ${left}`,
    cure: "Remove it by hand. A user that only archives needs no right to delete; a sink's user does.",
  }
}

const refusing =
  ({ id }: ObjectStore) =>
  (what: string, why: string): never => {
    throw new AuditError(`${printable(id)}: ${what}`, {
      advice: `${why} Use another store, or a later version of this one: docs/buckets.md.`,
    })
  }

async function writesAreKept(store: ObjectStore, key: string, signal: AbortSignal): Promise<string> {
  const refuse = refusing(store)
  const [one, other] = [randomBytes(BYTES), randomBytes(BYTES)]
  const first = await store.write(key, one, 'absent', signal)
  if (first === null) return refuse('it claimed that a new object already exists', 'Nothing can be written there.')
  if ((await store.write(key, other, 'absent', signal)) !== null)
    refuse(
      'it overwrote an object, although told to write only if there is none (If-None-Match)',
      'Two loads at once would lose data there.',
    )
  const second = await store.write(key, other, { version: first }, signal)
  if (second === null || second === first)
    return refuse('it did not overwrite the version that exists (If-Match)', 'Nothing can be changed there.')
  if ((await store.write(key, one, { version: first }, signal)) !== null)
    refuse('it overwrote a version other than the one named (If-Match)', 'Two loads at once would lose data there.')
  const reading = await store.read({ key, version: second }, 0, signal)
  if (reading === null) return refuse('what was just written cannot be read', 'It is not consistent.')
  const chunks: Uint8Array[] = []
  for await (const chunk of reading.chunks) chunks.push(chunk)
  if (!Buffer.concat(chunks).equals(other)) refuse('it returned bytes other than those written', 'It damages data.')
  const { checksum } = reading
  if (checksum !== null) {
    const digest = await digesting(checksum)
    digest.update(other)
    if ((await digest.base64()) !== checksum.digest)
      refuse('its checksum is not that of the bytes', 'No document could be read whole.')
  }
  if ((await store.read({ key, version: first }, 0, signal)) !== null)
    refuse('it returned a version other than the one requested', 'A document could change while it is read.')
  const keys: string[] = []
  for await (const object of store.list(key, signal)) keys.push(object.key)
  if (!keys.includes(key)) refuse('what was just written is not listed', 'Loads would miss each other there.')
  const sum = checksum === null ? 'without a checksum' : `with a correct ${checksum.algorithm}`
  return `conditional writes work; what is read is what was written, ${sum}`
}

/**
 * Probes a lock that ends within seconds, by what the store states. Does not try to remove the object earlier: in a bucket with
 * versions that succeeds, and removes nothing that is locked.
 *
 * @param prefix nobody else writes below it
 * @throws AuditError when it does not hold
 */
export async function probeLocks(
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
  { lastsMs, marginMs } = LOCK,
): Promise<string | Warning> {
  const key = `${prefix}lock`
  if (store.locks === undefined) throw notLocked(store, 'it cannot lock objects')
  // Some stores apply the longer of two locks.
  if ((await store.locksByItself?.(signal)) === true) return KEPT
  const until = new Date(Date.now() + lastsMs)
  const work = () => lockIsStated(store, key, until, marginMs, signal)
  const proven = await removing(`its object ${printable(key)}`, work, async () => {
    await sleep(Math.max(0, until.getTime() + marginMs - Date.now()))
    await store.remove(key, NEVER_ABORTED)
  })
  // The user of an archive may have no right to delete, which is as it should be.
  return typeof proven === 'string' ? proven : proven.warning
}

async function lockIsStated(
  store: ObjectStore,
  key: string,
  until: Date,
  marginMs: number,
  signal: AbortSignal,
): Promise<string> {
  const write = () => store.write(key, randomBytes(BYTES), 'absent', signal, until)
  await write()
  let stated: Date | null = null
  for await (const object of store.locks?.(key, signal) ?? []) if (object.key === key) stated = object.until
  if (stated === null || stated.getTime() < until.getTime() - marginMs)
    throw notLocked(store, 'an object that was written with a lock has none')
  if ((await write()) !== null)
    throw notLocked(store, 'it overwrote a locked object, although told to write only if there is none')
  return 'the store reports an object as locked for as long as requested, and does not overwrite it'
}

const notLocked = ({ id }: ObjectStore, what: string): AuditError =>
  new AuditError(`${printable(id)}: ${what}`, {
    advice: 'Turn on object locks for the bucket, and give the loader the right to set them: docs/retention.md.',
  })
