/** The seals of one source in an archive, in the order of their numbers. */

import { createHash } from 'node:crypto'
import { AuditError, printable } from '../errors.js'
import type { ObjectStore, StoredObject } from '../stores/contract.js'
import { NewObjects } from '../stores/new-objects.js'
import { wholeObject } from '../stores/whole-object.js'
import type { ArchivePlace } from './archive.js'
import {
  type Coverage,
  coverageOf,
  MOST_SEAL_BYTES,
  parseSeal,
  parseSealKey,
  type Seal,
  sealKey,
  sealsOf,
  sha256Of,
  shortHash,
  uncountedIn,
} from './seal.js'

/** What the next seals need to know of one. */
export interface Link {
  readonly number: number
  readonly sha256: string
  /** Null where the object is no seal: whatever is there, the next seal states its SHA-256. */
  readonly sealed: Sealed | null
}

interface Sealed extends Pick<Seal, 'day' | 'latest_day'> {
  readonly coverage: Coverage
  /** How many documents could not be read, or not counted. */
  readonly uncounted: number
}

const CONCURRENCY = 4
/** Each try that fails means that another process wrote a seal. */
const MOST_TRIES = 50

export class SealChain {
  private readonly links = new Map<number, Promise<Link | null>>()
  /** By number. */
  private objects: ReadonlyMap<number, StoredObject> = new Map()
  private descending: number[] = []
  private undated: Promise<ReadonlySet<string>> | undefined

  readonly source: string
  private readonly place: ArchivePlace
  private readonly signal: AbortSignal
  private readonly seals: NewObjects

  private constructor(place: ArchivePlace, source: string, signal: AbortSignal) {
    this.place = place
    this.source = source
    this.signal = signal
    this.seals = new NewObjects(place.store, place.id)
  }

  /** Lists the seals, a request for each thousand, and reads none. */
  static async open(place: ArchivePlace, source: string, signal: AbortSignal): Promise<SealChain> {
    const chain = new SealChain(place, source, signal)
    await chain.list()
    return chain
  }

  private async list(): Promise<void> {
    const { store, prefix } = this.place
    const objects = new Map<number, StoredObject>()
    for await (const object of store.list(prefix + sealsOf(this.source), this.signal)) {
      const parsed = parseSealKey(object.key.slice(prefix.length))
      if (parsed !== null) objects.set(parsed.number, object)
    }
    this.objects = objects
    this.descending = [...objects.keys()].sort((a, b) => b - a)
  }

  /** The seal with the highest number; null when there is none. */
  async head(): Promise<Link | null> {
    const [number] = this.descending
    return number === undefined ? null : this.link(number)
  }

  /**
   * The newest seal of a day. Reads backwards, and not at all where the head says that no such late day was sealed.
   *
   * @returns null when there is none
   */
  async newestOf(day: string): Promise<Link | null> {
    const head = await this.head()
    if (head?.sealed != null && (head.sealed.latest_day ?? '') < day) return null
    for await (const link of this.newestFirst()) if (link.sealed?.day === day) return link
    return null
  }

  /** Reads all seals, from the newest on. */
  async *newestFirst(): AsyncGenerator<Link> {
    const numbers = this.descending
    for (let i = 0; i < numbers.length; i += CONCURRENCY) {
      const some = await Promise.all(numbers.slice(i, i + CONCURRENCY).map((number) => this.link(number)))
      for (const link of some) if (link !== null) yield link
    }
  }

  /** Short hashes of the keys in all seals of documents without a day, as they were when it was asked for first. */
  undatedKeys(): Promise<ReadonlySet<string>> {
    this.undated ??= this.readUndated()
    return this.undated
  }

  private async readUndated(): Promise<ReadonlySet<string>> {
    const keys = new Set<string>()
    for await (const { number, sealed } of this.newestFirst()) {
      const object = this.objects.get(number)
      if (sealed === null || sealed.day !== null || object === undefined) continue
      const bytes = (await readSeal(this.place.store, object, this.signal))?.bytes
      if (bytes == null) continue
      const { documents, unreadable } = parseSeal(bytes).seal
      for (const { key } of documents) keys.add(shortHash(key))
      for (const key of unreadable) keys.add(shortHash(key))
    }
    return keys
  }

  /**
   * Writes the next seal. Several processes may do so at once: the numbers have no gaps, and each seal states the hash of the
   * one before it.
   *
   * @param bytesAfter of the new seal, given its number and the one before it; null when no seal is needed any more
   * @returns null when none was needed
   */
  async append(
    bytesAfter: (number: number, head: Link | null) => Promise<Buffer | null>,
    retainUntil: Date | undefined,
  ): Promise<Link | null> {
    const { prefix } = this.place
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const head = await this.head()
      const number = (head?.number ?? 0) + 1
      const bytes = await bytesAfter(number, head)
      if (bytes === null) return null
      const key = sealKey(this.source, number)
      if (parseSealKey(key) === null) break
      const written = linkOf(number, sha256Of(bytes), bytes)
      if (await this.seals.write(prefix + key, bytes, this.signal, retainUntil)) {
        this.links.set(number, Promise.resolve(written))
        this.descending.unshift(number)
        return written
      }
      await this.list()
      // A request that was repeated may have written it the first time.
      if ((await this.link(number))?.sha256 === written.sha256) return written
    }
    throw new AuditError(
      `no further seal can be written for ${printable(this.source)} in ${printable(this.place.id)}`,
      {
        advice: 'Something else writes objects below seals/: find out what it is, and run wandb-audit verify.',
        outside: true,
      },
    )
  }

  private link(number: number): Promise<Link | null> {
    const known = this.links.get(number)
    if (known !== undefined) return known
    const object = this.objects.get(number)
    const link =
      object === undefined
        ? Promise.resolve(null)
        : readSeal(this.place.store, object, this.signal).then(
            (read) => read && linkOf(number, read.sha256, read.bytes),
          )
    link.then(
      (found) => found !== null && this.links.set(number, link),
      () => {},
    )
    return link
  }
}

function linkOf(number: number, sha256: string, bytes: Buffer | null): Link {
  try {
    if (bytes === null) return { number, sha256, sealed: null }
    const { seal } = parseSeal(bytes)
    const { day, latest_day } = seal
    const sealed = { day, latest_day, coverage: coverageOf(seal), uncounted: uncountedIn(seal) }
    return { number, sha256, sealed }
  } catch {
    return { number, sha256, sealed: null }
  }
}

/** @returns null when the object is gone; its bytes are null where they are too many for a seal */
export async function readSeal(
  store: ObjectStore,
  object: StoredObject,
  signal: AbortSignal,
): Promise<{ sha256: string; bytes: Buffer | null } | null> {
  const reading = await store.read(object, 0, signal)
  if (reading === null) return null
  const hash = createHash('sha256')
  const chunks: Uint8Array[] = []
  for await (const chunk of wholeObject(store, object, reading, signal)) {
    hash.update(chunk)
    if (object.bytes <= MOST_SEAL_BYTES) chunks.push(chunk)
  }
  return { sha256: hash.digest('hex'), bytes: object.bytes <= MOST_SEAL_BYTES ? Buffer.concat(chunks) : null }
}
