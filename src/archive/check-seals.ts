/** Checks an archive against its seals: the chain, the signatures, and that every document is there and is what was sealed. */

import type { KeyObject } from 'node:crypto'
import { ArchivedError, AuditError } from '../errors.js'
import type { StoredObject } from '../stores/contract.js'
import { type ArchivePlace, objectsOf } from './archive.js'
import { readSeal } from './chain.js'
import { type Anchor, ChainCheck } from './check-chain.js'
import { type Finding, Findings } from './findings.js'
import { keyOf, type ParsedKey, parseKey } from './format.js'
import { openArchived } from './reading.js'
import { parseSealKey, type Seal, sealKey, shortHash } from './seal.js'
import { inOrder, parsedSeal, sealsBySource } from './seal-files.js'
import { phaseOf } from './sealing.js'
import { SomeErrors } from './some-errors.js'

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
  /** Why documents could not be read. */
  readonly errors: SomeErrors
}

const DAY_MS = 86_400_000

/** What a seal states of a document. */
interface Stated {
  /** A seal that lists it, by its place in the table of seals. */
  readonly seal: number
  /** Null where the seal says that it cannot be read. */
  readonly readAt: number | null
  readonly order: number
  /** Of the document as it came; null like `readAt`. */
  readonly bytes: number | null
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
  const errors = new SomeErrors()
  const onError = (error: AuditError): void => errors.add(error)
  const documents = await checkDocuments(place, stated, { ...options, onError }, findings)
  await addMissing(place, stated, table, options, findings)
  return { documents, seals, heads, findings: findings.list(), errors }
}

/** A document that is sealed again must be stated as before. */
function addStated(
  stated: Map<string, Stated>,
  { source, documents, unreadable }: Seal,
  seal: number,
  findings: Findings,
): void {
  for (const { key, read_at, order, bytes } of documents) {
    const hash = shortHash(key)
    const [readAt, before] = [Date.parse(read_at), stated.get(hash)]
    if (before?.readAt != null && (before.readAt !== readAt || before.order !== order))
      findings.add('document altered', source, parseKey(key)?.day ?? null, key)
    else stated.set(hash, { seal, readAt, order, bytes })
  }
  for (const key of unreadable) {
    const hash = shortHash(key)
    if (!stated.has(hash)) stated.set(hash, { seal, readAt: null, order: 0, bytes: null })
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
    const opened = await openArchived(store, object, sha256, signal, known?.bytes ?? undefined)
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
