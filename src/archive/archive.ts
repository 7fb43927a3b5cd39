/** Keeps every document that is loaded, as it came, before a sink gets it. */

import { stat } from 'node:fs/promises'
import type { Batch, Document } from '../contract.js'
import { AuditError, printable, usageError } from '../errors.js'
import type { ObjectStore, StoredObject } from '../stores/contract.js'
import { isStore, openDirectory, openStore } from '../stores/index.js'
import { type Heading, headingLine, headingOf, keyOf, parseKey, UNDATED } from './format.js'
import { type Kept, type KeptDocument, Noted } from './noted.js'
import { OriginalFile } from './original.js'
import { altered, openArchived } from './reading.js'

/** A landed document, and the file that `originals` wrote of it. */
export interface Original {
  readonly document: Document
  /** Size of the bytes as they came, and their SHA-256 in hexadecimal. */
  readonly bytes: number
  readonly sha256: string
  /** Lines that are not blank. */
  readonly lines: number
  readonly original: string | null
}

/** Prepares the file of a document that is about to land; the caller opens it for each attempt. */
export type Originals = (document: Document) => (path: string) => OriginalFile

/** What this run has added to an archive, of one source. */
export interface Added {
  /** The days in the keys, for all that have one. */
  readonly days: ReadonlySet<string>
  /** Keys of documents without a day, below the archive's prefix. */
  readonly undated: ReadonlySet<string>
}

export interface Archive {
  /** Its address, without options. */
  readonly id: string
  added(source: string): Added
  /** @param source the id of the documents' source */
  originals(source: string): Originals
  /**
   * Resolves once every document is in the archive. An equal object that is there already counts as archived.
   *
   * @returns the documents that could not be archived, each for a reason of its own
   * @throws AuditError when the archive cannot be written to
   */
  keep(source: string, documents: readonly Original[], signal: AbortSignal): Promise<ReadonlyMap<Document, AuditError>>
  /**
   * Counts a batch, so that its documents need not be read back to be sealed.
   *
   * @param documents all documents of the batch, already archived
   * @throws what the engine throws, or AuditError when the signal is aborted
   */
  count(source: string, batch: Batch, documents: readonly Original[], signal: AbortSignal): Promise<void>
  /** What is known about the documents that were counted. */
  readonly noted: Noted
  close(): Promise<void>
}

/** A place for archived documents: all keys begin with `prefix`. */
export interface ArchivePlace {
  readonly store: ObjectStore
  readonly prefix: string
  /** Its address, without options. */
  readonly id: string
}

/** The most that every store takes in one write. */
const MOST_BYTES = 5_000_000_000
const CONCURRENCY = 8

/**
 * @param address of a bucket with an optional prefix, or of a folder
 * @throws AuditError, exit code 2, when it is no such address
 */
export async function openPlace(address: string): Promise<ArchivePlace> {
  if (!isStore(address)) {
    if (/^[a-z][a-z0-9+.-]+:/i.test(address)) {
      throw usageError(
        'an archive has no address of this kind',
        'Archives: s3://, gs:// or az:// (a bucket), or a folder.',
      )
    }
    const store = await openDirectory(address)
    return { store, prefix: '', id: store.id }
  }
  const { store, prefix } = await openStore(address)
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`
  return { store, prefix: folder, id: `${store.id}/${folder}` }
}

/**
 * @param retainMs for how long nobody may delete an object, counted from its writing; null leaves that to the bucket
 * @throws AuditError, exit code 2, when the store cannot lock objects
 */
export function archiveAt(place: ArchivePlace, retainMs: number | null, now = Date.now): Archive {
  const { store, prefix, id } = place
  requireLocks(place, retainMs)
  let order = 0
  /** What is archived, by file: a batch that is split is archived only once. */
  const kept = new Map<string, Kept>()
  const noted = new Noted()
  /** When and in which order documents were read. */
  const readings = new WeakMap<Document, Pick<Heading, 'readAt' | 'order'>>()
  const added = new Map<string, { readonly days: Set<string>; readonly undated: Set<string> }>()
  const addedOf = (source: string) => {
    const known = added.get(source) ?? { days: new Set(), undated: new Set() }
    added.set(source, known)
    return known
  }

  async function keepOne(
    source: string,
    { document, bytes: documentBytes, sha256, original }: Original,
    signal: AbortSignal,
  ): Promise<void> {
    if (original === null || document.checkpoint === true || kept.has(original)) return
    const { size: bytes } = await stat(original)
    if (bytes > MOST_BYTES) throw tooLarge()
    const { readAt, order } = readings.get(document) ?? { readAt: new Date(0), order: 0 }
    const heading = headingOf(source, document, readAt, order)
    const key = keyOf(heading, sha256)
    const retainUntil = retainMs === null ? undefined : new Date(now() + retainMs)
    const written = await store.write(prefix + key, { file: original }, 'absent', signal, retainUntil)
    if (written !== null) noteAdded(source, key)
    kept.set(original, written === null ? await equalAt(key, sha256, documentBytes, signal) : { key, heading, bytes })
  }

  function noteAdded(source: string, name: string): void {
    const { days, undated } = addedOf(source)
    const { day } = parseKey(name) ?? { day: UNDATED }
    if (day === UNDATED) undated.add(name)
    else days.add(day)
  }

  /** Nobody may have put something else in its place, so that the document would never be archived. */
  async function equalAt(key: string, sha256: string, documentBytes: number, signal: AbortSignal): Promise<Kept> {
    const object = await store.find(prefix + key, signal)
    const opened = object === null ? null : await openArchived(store, object, sha256, signal, documentBytes)
    if (object === null || opened === null) throw changing()
    try {
      if (keyOf(opened.heading, sha256) !== key) throw altered('its heading is that of another document')
      for await (const _ of opened.bytes);
      return { key, heading: opened.heading, bytes: object.bytes }
    } finally {
      await opened.close()
    }
  }

  return {
    id,

    added: addedOf,

    originals: (source) => (document) => {
      const reading = { readAt: new Date(now()), order: order++ }
      readings.set(document, reading)
      return (path) =>
        new OriginalFile(path, () => headingLine(headingOf(source, document, reading.readAt, reading.order)))
    },

    async keep(source, documents, signal) {
      const failed = new Map<Document, AuditError>()
      const waiting = documents.values()
      const work = async (): Promise<void> => {
        for (const each of waiting) {
          try {
            await keepOne(source, each, signal)
          } catch (error) {
            if (!(error instanceof AuditError) || error.outside || error.retryable || signal.aborted) throw error
            failed.set(each.document, notArchived(each.document, error))
          }
        }
      }
      const outcomes = await Promise.allSettled(Array.from({ length: CONCURRENCY }, work))
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
      return failed
    },

    async count(source, batch, documents, signal) {
      const known = documents.flatMap(({ document: { id }, lines, original }): KeptDocument[] => {
        const object = original === null ? undefined : kept.get(original)
        return object === undefined ? [] : [{ id, lines, kept: object }]
      })
      await noted.add(source, batch, known, signal)
    },

    noted,

    close: () => store.close(),
  }
}

/** @throws AuditError, exit code 2, when objects are to be locked but the store cannot do so */
export function requireLocks({ store, id }: ArchivePlace, retainMs: number | null): void {
  if (retainMs === null || store.locks !== undefined) return
  throw usageError(
    `${printable(id)} cannot keep anyone from deleting a file`,
    'Omit --retain, or archive into a bucket.',
  )
}

function notArchived({ id }: Document, { message, advice }: AuditError): AuditError {
  return new AuditError(`archiving ${printable(id)} failed: ${message}`, advice === undefined ? {} : { advice })
}

const tooLarge = (): AuditError =>
  new AuditError('compressed, it is larger than 5 GB, which is the most that can be written at once', {
    advice: 'Split the document, or refuse such documents with --max-document-bytes.',
  })

const changing = (): AuditError =>
  new AuditError('the archived object was removed while it was compared', { advice: 'Run it again.', retryable: true })

export const noDocument = ({ id }: ArchivePlace): AuditError =>
  new AuditError(`there is no archived document at ${printable(id)}`, {
    advice: 'Name the address that was given to --archive.',
  })

/** Objects of an archive. @param folder below its prefix */
export const objectsOf = (
  { store, prefix }: ArchivePlace,
  signal: AbortSignal,
  folder = '',
): AsyncIterable<StoredObject> => store.list(prefix + folder, signal)
