/** An archive as sources: one for each source whose documents it holds, under that source's id. */

import type { DayRange, Document, Source } from '../contract.js'
import { AuditError, interrupted, printable } from '../errors.js'
import type { ObjectStore, StoredObject } from '../stores/contract.js'
import { type ArchivePlace, noDocument, objectsOf } from './archive.js'
import { type Heading, keyOf, parseKey } from './format.js'
import { altered, openArchived } from './reading.js'
import { parseSealKey } from './seal.js'

export interface ReplayOptions {
  /** How many objects may be read at once. */
  readonly concurrency: number
  onWarning(text: string): void
  readonly signal: AbortSignal
}

export interface Archived {
  readonly object: StoredObject
  readonly sha256: string
}

export interface Read extends Archived {
  readonly heading: Heading
}

/**
 * Lists the archive once. Documents come in the order in which they were read from their source, each under its own id, so
 * that names that were read first win again. Several readings of a document are listed one by one. Everything is listed each
 * time: a receipt is of one reading, and cannot say whether all before it were loaded.
 *
 * @throws AuditError when the archive holds no document
 */
export async function archiveSources(place: ArchivePlace, options: ReplayOptions): Promise<readonly Source[]> {
  const bySource = new Map<string, Archived[]>()
  let strays = 0
  let stray: string | undefined
  for await (const object of objectsOf(place, options.signal)) {
    if (parseSealKey(object.key.slice(place.prefix.length)) !== null) continue
    const parsed = parseKey(object.key.slice(place.prefix.length))
    if (parsed === null) {
      strays++
      stray ??= object.key
      continue
    }
    const ofSource = bySource.get(parsed.source) ?? []
    ofSource.push({ object, sha256: parsed.sha256 })
    bySource.set(parsed.source, ofSource)
  }
  if (stray !== undefined) {
    options.onWarning(
      `${printable(place.id)} also holds objects that are not archived documents (${strays}, for example ${printable(stray)}); they are not loaded`,
    )
  }
  if (bySource.size === 0) throw noDocument(place)
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= place.store.close()
    return closed
  }
  return [...bySource].map(([id, archived]) => archiveSource(id, archived, place, options, close))
}

function archiveSource(
  id: string,
  archived: readonly Archived[],
  { store, prefix }: ArchivePlace,
  { concurrency }: ReplayOptions,
  close: () => Promise<void>,
): Source {
  return {
    id,
    concurrency,
    async *list(range, signal): AsyncGenerator<Document> {
      const { read, unreadable } = await headingsOf(store, prefix, archived, concurrency, signal)
      for (const each of read) if (mayHold(each.heading, range)) yield documentOf(store, each)
      yield* unreadable
    },
    close,
  }
}

/** Documents of one source, each with an id of its own, so that several readings of a document can share a batch. */
export interface KeyedSource {
  readonly source: Source
  /** What was listed, by id, except objects whose heading could not be read. */
  readonly read: ReadonlyMap<string, Read>
  /** By id, errors that are not the object's fault: the store could not be reached, or the object must be restored first. */
  readonly failures: ReadonlyMap<string, AuditError>
}

/** The id of a document in a keyed source: its group, and the key of its object relative to the archive's prefix. */
export const keyedId = (group: number, key: string): string => `${group}/${key}`

/** @param groups objects of the source, counted group by group; an object may be in several */
export function keyedSource(
  id: string,
  groups: readonly (readonly Archived[])[],
  { store, prefix }: ArchivePlace,
  concurrency: number,
): KeyedSource {
  const listed = new Map<string, Read>()
  const failures = new Map<string, AuditError>()
  const noted = <T>(id: string, work: () => Promise<T>): Promise<T> =>
    work().catch((error: unknown) => {
      if (error instanceof AuditError && (error.outside || error.retryable)) failures.set(id, error)
      throw error
    })
  async function* notedBytes(id: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const chunks = bytes[Symbol.asyncIterator]()
    const next = (): Promise<IteratorResult<Uint8Array>> => noted(id, () => chunks.next())
    try {
      for (let step = await next(); step.done !== true; step = await next()) yield step.value
    } finally {
      await chunks.return?.()
    }
  }
  const source: Source = {
    id,
    concurrency,
    async *list(_, signal) {
      for (const [group, archived] of groups.entries()) {
        const idOf = (key: string): string => keyedId(group, key.slice(prefix.length))
        const { read, unreadable } = await headingsOf(store, prefix, archived, concurrency, signal)
        for (const each of read) {
          const { reading, ...document } = documentOf(store, each)
          const id = idOf(each.object.key)
          listed.set(id, each)
          const open = async (signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | null> => {
            const bytes = await noted(id, () => document.open(signal))
            return bytes === null ? null : notedBytes(id, bytes)
          }
          yield { ...document, id, version: each.heading.version ?? each.sha256, open }
        }
        for (const { reading = '', archived: tier } of unreadable) {
          if (tier === undefined) continue
          const error = new AuditError('some objects are in an archive tier', { advice: tier })
          failures.set(idOf(reading), error)
        }
      }
    },
    async close() {},
  }
  return { source, read: listed, failures }
}

/**
 * The version of an API day says how far it was read, which is true only where all its readings were loaded. Nobody knows whether
 * the archive holds them all, so the API is asked for such a day once more.
 */
function versionOf({ heading, sha256 }: Read): string {
  const version = heading.version ?? sha256
  return heading.range === null ? version : `replayed ${version}`
}

/** Whether a window of days overlaps the range; what other documents hold is not known. */
function mayHold({ range: window }: Heading, { from, to }: DayRange): boolean {
  if (window === null) return true
  const endsBefore = from !== null && window.to !== null && window.to <= from
  return !endsBefore && !(to !== null && window.from !== null && window.from >= to)
}

function documentOf(store: ObjectStore, read: Read): Document {
  const { object, sha256, heading } = read
  return {
    id: heading.document,
    version: versionOf(read),
    reading: object.key,
    bytes: null,
    range: heading.range,
    isNdjson: heading.ndjson,
    ...(heading.isExport ? { isExport: true as const } : {}),
    async open(signal) {
      const opened = await openArchived(store, object, sha256, signal)
      if (opened === null) throw removed()
      return opened.bytes
    },
  }
}

async function headingsOf(
  store: ObjectStore,
  prefix: string,
  archived: readonly Archived[],
  concurrency: number,
  signal: AbortSignal,
): Promise<{ read: readonly Read[]; unreadable: readonly Document[] }> {
  const read: Read[] = []
  const unreadable: Document[] = []
  const waiting = archived.values()
  const work = async (): Promise<void> => {
    for (const each of waiting) {
      if (signal.aborted) throw interrupted()
      if (each.object.archived !== undefined) {
        unreadable.push(unreadableDocument(store, each, undefined))
        continue
      }
      try {
        read.push({ ...each, heading: await headingOf(store, prefix, each, signal) })
      } catch (error) {
        if (signal.aborted || !(error instanceof AuditError) || error.outside) throw error
        unreadable.push(unreadableDocument(store, each, error))
      }
    }
  }
  // All of them end before the store may be closed.
  const outcomes = await Promise.allSettled(Array.from({ length: concurrency }, work))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  read.sort(
    ({ heading: a, object: x }, { heading: b, object: y }) =>
      a.readAt.getTime() - b.readAt.getTime() || a.order - b.order || (x.key < y.key ? -1 : 1),
  )
  return { read, unreadable }
}

async function headingOf(
  store: ObjectStore,
  prefix: string,
  { object, sha256 }: Archived,
  signal: AbortSignal,
): Promise<Heading> {
  const opened = await openArchived(store, object, sha256, signal)
  if (opened === null) throw removed()
  await opened.close()
  if (prefix + keyOf(opened.heading, sha256) !== object.key) throw altered('its heading does not fit its name')
  return opened.heading
}

const removed = (): AuditError => altered('it was removed or replaced while it was read')

/** Fails like a document, and does not stop the others. */
function unreadableDocument(store: ObjectStore, { object }: Archived, error: AuditError | undefined): Document {
  return {
    id: `${store.id}/${object.key}`,
    version: object.version,
    reading: object.key,
    bytes: null,
    range: null,
    ...(object.archived === undefined ? {} : { archived: object.archived }),
    async open() {
      throw error
    },
  }
}
