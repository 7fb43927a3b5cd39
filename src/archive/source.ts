/** An archive as sources: one for each source whose documents it holds, under that source's id. */

import type { DayRange, Document, Source } from '../contract.js'
import { AuditError, printable } from '../errors.js'
import type { ObjectStore, StoredObject } from '../stores/contract.js'
import { type ArchivePlace, objectsOf } from './archive.js'
import { type Heading, keyOf, parseKey } from './format.js'
import { altered, openArchived } from './reading.js'

export interface ReplayOptions {
  /** How many objects may be read at once. */
  readonly concurrency: number
  onWarning(text: string): void
  readonly signal: AbortSignal
}

interface Archived {
  readonly object: StoredObject
  readonly sha256: string
}

interface Read extends Archived {
  readonly heading: Heading
}

/**
 * Lists the archive once. Documents come in the order in which they were read from their source, each under its own id and
 * version, so that names that were read first win again. Several readings of a document are listed one by one.
 *
 * @throws AuditError when the archive holds no document
 */
export async function archiveSources(place: ArchivePlace, options: ReplayOptions): Promise<readonly Source[]> {
  const bySource = new Map<string, Archived[]>()
  const strays: string[] = []
  for await (const object of objectsOf(place, options.signal)) {
    const parsed = parseKey(object.key.slice(place.prefix.length))
    if (parsed === null) strays.push(object.key)
    else bySource.set(parsed.source, [...(bySource.get(parsed.source) ?? []), { object, sha256: parsed.sha256 }])
  }
  const [stray] = strays
  if (stray !== undefined) {
    options.onWarning(
      `${printable(place.id)} holds ${strays.length} objects that are no archived documents, for example ${printable(stray)}; they are not loaded`,
    )
  }
  if (bySource.size === 0) {
    throw new AuditError(`there is no archived document at ${printable(place.id)}`, {
      advice: 'Name the address that was given to --archive.',
    })
  }
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
    async *list(range, signal, receipts = []): AsyncGenerator<Document> {
      const { read, unreadable } = await headingsOf(store, prefix, archived, concurrency, signal)
      const newest = new Map(read.map((each) => [each.heading.document, versionOf(each)]))
      const isLoaded = ({ heading: { document } }: Read): boolean =>
        receipts.length > 0 && receipts.every((known) => known.get(document) === newest.get(document))
      for (const each of read) {
        if (mayHold(each.heading, range) && !isLoaded(each)) yield documentOf(store, each)
      }
      yield* unreadable
    },
    close,
  }
}

const versionOf = ({ heading, sha256 }: Read): string => heading.version ?? sha256

/** Whether a window of days overlaps the range; what other documents hold is not known. */
function mayHold({ range: window }: Heading, { from, to }: DayRange): boolean {
  if (window === null) return true
  const endsBefore = from !== null && window.to !== null && window.to <= from
  return !endsBefore && !(to !== null && window.from !== null && window.from >= to)
}

function documentOf(store: ObjectStore, { object, sha256, heading }: Read): Document {
  return {
    id: heading.document,
    version: heading.version ?? sha256,
    reading: object.key,
    bytes: null,
    range: heading.range,
    isNdjson: heading.ndjson,
    open: async (signal) => (await openArchived(store, object, sha256, signal))?.bytes ?? null,
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
      signal.throwIfAborted()
      if (each.object.archived !== undefined) {
        unreadable.push(unreadableDocument(store, each, undefined))
        continue
      }
      try {
        const heading = await headingOf(store, prefix, each, signal)
        if (heading !== null) read.push({ ...each, heading })
      } catch (error) {
        if (signal.aborted || !(error instanceof AuditError) || error.outside) throw error
        unreadable.push(unreadableDocument(store, each, error))
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
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
): Promise<Heading | null> {
  const opened = await openArchived(store, object, sha256, signal)
  if (opened === null) return null
  await opened.close()
  if (prefix + keyOf(opened.heading, sha256) !== object.key) throw altered('its heading does not fit its name')
  return opened.heading
}

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
