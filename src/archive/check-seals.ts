/** Checks an archive against its seals: the chain, the signatures, and that every document is there and is what was sealed. */

import type { KeyObject } from 'node:crypto'
import { ArchivedError, AuditError } from '../errors.js'
import type { StoredObject } from '../stores/contract.js'
import { type ArchivePlace, objectsOf } from './archive.js'
import { readSeal } from './chain.js'
import { type Finding, Findings } from './findings.js'
import { keyOf, type ParsedKey, parseKey } from './format.js'
import { openArchived } from './reading.js'
import { parseSeal, parseSealKey, type ReadSeal, type Seal, sealKey, shortHash } from './seal.js'
import { phaseOf } from './sealing.js'

/** The newest seal of a source, as it was stated somewhere else. */
export interface Anchor {
  readonly source: string
  readonly number: number
  readonly sha256: string
}

export interface CheckOptions {
  /** Ed25519: each seal must be signed with one of them. Signatures are not checked when there are none. */
  readonly publicKeys: readonly KeyObject[]
  readonly anchors: readonly Anchor[]
  /** The first UTC day that is not finished: `2026-10-01`. */
  readonly openDay: string
  /** Of this run. Documents that were archived less than a day before may not be sealed yet. */
  readonly now: Date
  /** How many objects may be read at once. */
  readonly concurrency: number
  readonly signal: AbortSignal
}

export interface SealReport {
  readonly documents: number
  readonly seals: number
  /** The newest seal of each source. */
  readonly heads: readonly Anchor[]
  readonly findings: readonly Finding[]
  /** Why documents could not be read: some of the errors. */
  readonly errors: readonly AuditError[]
}

const MOST_ERRORS = 20
const DAY_MS = 86_400_000

/** What a seal states of a document. */
interface Stated {
  /** A seal that lists it, by its place in the table of seals. */
  readonly seal: number
  /** Null where the seal says that it cannot be read. */
  readonly readAt: number | null
  readonly order: number
}

interface Listing {
  readonly object: StoredObject
  readonly source: string
  readonly day: string | null
}

/**
 * Reads every object of the archive once. Memory grows by about 200 bytes for each document.
 *
 * @throws AuditError when the archive cannot be read
 */
export async function checkSeals(place: ArchivePlace, options: CheckOptions): Promise<SealReport> {
  const findings = new Findings()
  /** By the short hash of their keys. */
  const stated = new Map<string, Stated>()
  const table: Listing[] = []
  const heads: Anchor[] = []
  let seals = 0
  const chains = await sealsBySource(place, options.signal)
  for (const [source, objects] of chains) {
    const anchors = options.anchors.filter((anchor) => anchor.source === source)
    const check = new ChainCheck(source, anchors, options.publicKeys, findings)
    for await (const { number, object, read } of inOrder(place, objects, options)) {
      seals++
      const seal = check.next(number, read)
      if (seal === null) continue
      table.push({ object, source, day: seal.day })
      addStated(stated, seal, table.length - 1, findings)
    }
    const head = check.end()
    if (head !== null) heads.push(head)
  }
  for (const { source, number } of options.anchors)
    if (!chains.has(source)) findings.add('end missing', source, null, sealKey(source, number))
  const errors: AuditError[] = []
  const onError = (error: AuditError): void => {
    if (errors.length < MOST_ERRORS) errors.push(error)
  }
  const documents = await checkDocuments(place, stated, { ...options, onError }, findings)
  await addMissing(place, stated, table, options, findings)
  return { documents, seals, heads, findings: findings.list(), errors }
}

/** Source → number → object. */
async function sealsBySource(
  { store, prefix }: ArchivePlace,
  signal: AbortSignal,
): Promise<Map<string, Map<number, StoredObject>>> {
  const sources = new Map<string, Map<number, StoredObject>>()
  for await (const object of store.list(`${prefix}seals/`, signal)) {
    const parsed = parseSealKey(object.key.slice(prefix.length))
    if (parsed === null) continue
    const objects = sources.get(parsed.source) ?? new Map<number, StoredObject>()
    sources.set(parsed.source, objects.set(parsed.number, object))
  }
  return sources
}

type Bytes = Awaited<ReturnType<typeof readSeal>>

async function* inOrder(
  { store }: ArchivePlace,
  objects: ReadonlyMap<number, StoredObject>,
  { concurrency, signal }: CheckOptions,
): AsyncGenerator<{ number: number; object: StoredObject; read: Bytes }> {
  const sorted = [...objects].sort(([a], [b]) => a - b)
  for (let i = 0; i < sorted.length; i += concurrency) {
    const some = sorted.slice(i, i + concurrency)
    yield* await Promise.all(
      some.map(async ([number, object]) => ({ number, object, read: await readSeal(store, object, signal) })),
    )
  }
}

/** Follows the chain of one source, from its first seal on. */
class ChainCheck {
  private last = 0
  /** Of the seal before; null where that is missing. */
  private hash: string | null = null
  private readonly anchors: readonly Anchor[]
  private readonly source: string
  private readonly keys: readonly KeyObject[]
  private readonly findings: Findings

  constructor(source: string, anchors: readonly Anchor[], keys: readonly KeyObject[], findings: Findings) {
    this.source = source
    this.anchors = anchors
    this.keys = keys
    this.findings = findings
  }

  /** @returns null when there is no seal to read */
  next(number: number, read: Bytes): Seal | null {
    const { source, findings } = this
    const key = sealKey(source, number)
    const first = this.last + 1
    if (number > first) findings.add('seal missing', source, null, sealKey(source, first), number - first)
    const before = number > first ? null : this.hash
    this.last = number
    this.hash = read?.sha256 ?? null
    const parsed = read?.bytes == null ? null : parsedSeal(read.bytes)
    const isAnchored = this.anchors.every((anchor) => anchor.number !== number || anchor.sha256 === read?.sha256)
    const isItself = parsed !== null && parsed.seal.source === source && parsed.seal.number === number
    const day = isItself ? parsed.seal.day : null
    if (read === null) findings.add('seal missing', source, null, key)
    else if (!isItself || !isAnchored) findings.add('seal altered', source, day, key)
    if (!isItself) return null
    const follows = number === 1 ? parsed.seal.previous === null : before === null || parsed.seal.previous === before
    if (!follows) findings.add('seal out of chain', source, day, key)
    const isSigned = this.keys.length === 0 ? true : parsed.isSignedWith(this.keys)
    if (isSigned !== true) findings.add(isSigned === null ? 'signature missing' : 'signature bad', source, day, key)
    return parsed.seal
  }

  /** @returns the newest seal; null when there is none */
  end(): Anchor | null {
    const { source } = this
    for (const { number } of this.anchors)
      if (number > this.last) this.findings.add('end missing', source, null, sealKey(source, number))
    return this.hash === null ? null : { source, number: this.last, sha256: this.hash }
  }
}

function parsedSeal(bytes: Buffer): ReadSeal | null {
  try {
    return parseSeal(bytes)
  } catch {
    return null
  }
}

/** A document that is sealed again must be stated as before. */
function addStated(
  stated: Map<string, Stated>,
  { source, documents, unreadable }: Seal,
  seal: number,
  findings: Findings,
): void {
  for (const { key, read_at, order } of documents) {
    const hash = shortHash(key)
    const [readAt, before] = [Date.parse(read_at), stated.get(hash)]
    if (before?.readAt != null && (before.readAt !== readAt || before.order !== order))
      findings.add('document altered', source, parseKey(key)?.day ?? null, key)
    else stated.set(hash, { seal, readAt, order })
  }
  for (const key of unreadable) {
    const hash = shortHash(key)
    if (!stated.has(hash)) stated.set(hash, { seal, readAt: null, order: 0 })
  }
}

/** Checks what is there, and takes it out of what is stated. @returns how many documents there are */
async function checkDocuments(
  place: ArchivePlace,
  stated: Map<string, Stated>,
  options: CheckOptions & { onError(error: AuditError): void },
  findings: Findings,
): Promise<number> {
  let documents = 0
  const objects = objectsOf(place, options.signal)[Symbol.asyncIterator]()
  const work = async (): Promise<void> => {
    for (let next = await objects.next(); next.done !== true; next = await objects.next()) {
      const object = next.value
      const key = object.key.slice(place.prefix.length)
      const parsed = parseKey(key)
      if (parsed === null) {
        if (parseSealKey(key) === null) findings.add('stray object', null, null, key)
        continue
      }
      documents++
      const hash = shortHash(key)
      const known = stated.get(hash)
      const { source, day } = parsed
      const found = await stateOf(place, object, parsed, known, options)
      if (found !== 'document missing') stated.delete(hash)
      if (found === 'document altered' || found === 'document unreadable') findings.add(found, source, day, key)
      else if (known === undefined && found !== 'document missing')
        findings.add(isDue(day, object, options) ? 'document not sealed' : 'document not sealed yet', source, day, key)
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: options.concurrency }, work))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  return documents
}

async function stateOf(
  { store, prefix }: ArchivePlace,
  object: StoredObject,
  { sha256 }: ParsedKey,
  known: Stated | undefined,
  { signal, onError }: { readonly signal: AbortSignal; onError(error: AuditError): void },
): Promise<'document missing' | 'document altered' | 'document unreadable' | 'as it was'> {
  try {
    if (object.archived !== undefined)
      throw new ArchivedError('it is archived', { advice: object.archived, outside: true })
    const opened = await openArchived(store, object, sha256, signal)
    if (opened === null) return 'document missing'
    for await (const _ of opened.bytes);
    const { heading } = opened
    const isItself = prefix + keyOf(heading, sha256) === object.key
    const isStated =
      known?.readAt == null || (known.readAt === heading.readAt.getTime() && known.order === heading.order)
    return isItself && isStated ? 'as it was' : 'document altered'
  } catch (error) {
    if (signal.aborted || !(error instanceof AuditError)) throw error
    if (!error.outside && !error.retryable) return 'document altered'
    onError(error)
    return 'document unreadable'
  }
}

function isDue(day: string, { lastModified }: StoredObject, { openDay, now }: CheckOptions): boolean {
  return phaseOf(day, openDay) !== 'open' && now.getTime() - lastModified.getTime() > DAY_MS
}

/** What is stated and was not there. The seals are read again, only to name one document of each. */
async function addMissing(
  place: ArchivePlace,
  stated: ReadonlyMap<string, Stated>,
  table: readonly Listing[],
  { signal }: CheckOptions,
  findings: Findings,
): Promise<void> {
  const bySeal = new Map<number, number>()
  for (const { seal } of stated.values()) bySeal.set(seal, (bySeal.get(seal) ?? 0) + 1)
  for (const [index, count] of bySeal) {
    const listing = table[index]
    if (listing === undefined) continue
    const read = await readSeal(place.store, listing.object, signal)
    const seal = read?.bytes == null ? undefined : parsedSeal(read.bytes)?.seal
    const keys = [...(seal?.documents.map(({ key }) => key) ?? []), ...(seal?.unreadable ?? [])]
    const example = keys.find((key) => stated.has(shortHash(key))) ?? listing.object.key
    findings.add('document missing', listing.source, listing.day, example, count)
  }
}
