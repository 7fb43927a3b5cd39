/** Lands documents, several at a time where the source allows it, and gathers them into batches in their original order. */

import { appendFileSync, readFileSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Document } from '../contract.js'
import { AuditError, EXIT } from '../errors.js'
import { type Landed, land, type Originals, originalOf } from './landing.js'
import type { DocumentLimits } from './limits.js'

/** Caps the receipts of one batch: a document costs something even when it holds few bytes. */
const MOST_DOCUMENTS = 10_000

/**
 * A batch is also full when landing it has taken this long: if the run is killed, no more than that is fetched again. Where
 * fetching is fast, a batch holds many documents, because most sinks charge or wait for each commit.
 */
const MOST_LANDING_MS = 2 * 60_000

/**
 * Smaller documents share a spool file. The engine needs memory for each file it opens: 7,000 files of 35 kB took more
 * than three times the memory of the same text in one file.
 */
const SMALL_BYTES = 1 << 20
/** What each file costs the engine in addition to its text. */
const FILE_BYTES = 1 << 18

export interface BatchingOptions {
  /** The run's own folder; each batch gets a subfolder. */
  readonly folder: string
  /** A batch is full when its text reaches this size; a larger document forms a batch alone. */
  readonly batchBytes: number
  /** How many documents may land at once. */
  readonly concurrency: number
  readonly signal: AbortSignal
  readonly limits: DocumentLimits
  readonly originals?: Originals | undefined
  /** The clock, in milliseconds. */
  now?(): number
  /** Asked once a document has landed and its version is known. */
  alreadyLoaded(document: Document, version: string): boolean
  onBytes(bytes: number): void
  onLanded(landed: Landed): void
  onSkipped(document: Document): void
  /** The document was removed after it was listed. */
  onGone(document: Document): void
  /** The document did not arrive whole and is in no batch. */
  onFailed(document: Document, error: AuditError): void
}

/** A file of plain NDJSON for the engine: one document, or several small ones concatenated. */
export interface SpoolFile {
  readonly path: string
  readonly documents: readonly Landed[]
  /** Lines of its single document that are set aside because the engine fails on them, each with the engine's error. */
  readonly refused?: ReadonlyMap<number, string>
}

export interface LandedBatch {
  readonly folder: string
  readonly files: readonly SpoolFile[]
}

export async function* landBatches(
  documents: Iterable<Document>,
  options: BatchingOptions,
): AsyncGenerator<LandedBatch> {
  const { folder, batchBytes, now = Date.now } = options
  const begin = async (): Promise<Spool> => new Spool(await mkdtemp(join(folder, 'batch-')))
  let spool = await begin()
  let startedAt = now()
  for await (const landed of landInOrder(documents, options)) {
    // Rejects are known by their document: two readings of one are loaded one after the other. So are exports, because two may
    // hold the same events.
    if (spool.holds(landed) || (landed.document.isExport && spool.documents > 0)) {
      yield spool
      spool = await begin()
      startedAt = now()
    }
    await spool.add(landed)
    const full = spool.bytes >= batchBytes || spool.documents >= MOST_DOCUMENTS
    if (!full && now() - startedAt < MOST_LANDING_MS) continue
    yield spool
    spool = await begin()
    startedAt = now()
  }
  if (spool.documents > 0) yield spool
}

/** Yields landed documents in the order given, while later ones are still landing. */
async function* landInOrder(documents: Iterable<Document>, options: BatchingOptions): AsyncGenerator<Landed> {
  const folder = await mkdtemp(join(options.folder, 'landing-'))
  const pending: Promise<Landed | null>[] = []
  let count = 0
  const awaitFirst = async (): Promise<Landed | null> => (await pending.shift()) ?? null
  try {
    for (const document of documents) {
      const landing = landOne(document, join(folder, String(count++)), options)
      landing.catch(() => {}) // handled when it is awaited
      pending.push(landing)
      if (pending.length < options.concurrency) continue
      const landed = await awaitFirst()
      if (landed !== null) yield landed
    }
    while (pending.length > 0) {
      const landed = await awaitFirst()
      if (landed !== null) yield landed
    }
  } finally {
    await Promise.allSettled(pending)
  }
}

async function landOne(document: Document, path: string, options: BatchingOptions): Promise<Landed | null> {
  try {
    const { signal, limits, originals, onBytes } = options
    // Reading may determine the version.
    const { version } = document
    const allowInPlace = (document.bytes ?? 0) >= SMALL_BYTES
    const landed = await land(document, { path, allowInPlace, signal, limits, originals, onBytes })
    if (landed === null) {
      options.onGone(document)
    } else if (version === null && options.alreadyLoaded(document, landed.version)) {
      options.onSkipped(document)
    } else {
      options.onLanded(landed)
      return landed
    }
  } catch (error) {
    if (!(error instanceof AuditError) || error.exitCode === EXIT.interrupted) throw error
    options.onFailed(document, error)
  }
  // Free the disk for the documents that follow.
  for (const file of [path, `${path}.long`, originalOf(path)]) await rm(file, { force: true })
  return null
}

/** The spool files of one batch. Each is named by its number, by which the engine knows it. */
class Spool implements LandedBatch {
  readonly folder: string
  readonly files: { readonly path: string; readonly documents: Landed[] }[] = []
  documents = 0
  bytes = 0
  /** Whether the last file takes further small documents. */
  private isShared = false
  private originals = 0
  private readonly readings = new Set<string>()

  constructor(folder: string) {
    this.folder = folder
  }

  /** Whether it has another reading of the same document. */
  holds({ document }: Landed): boolean {
    return document.reading !== undefined && this.readings.has(document.id)
  }

  async add(arrived: Landed): Promise<void> {
    const landed = { ...arrived, original: await this.takeOriginal(arrived.original) }
    this.documents++
    if (landed.document.reading !== undefined) this.readings.add(landed.document.id)
    const small = landed.textBytes < SMALL_BYTES && landed.inPlace === null && landed.longLines.size === 0
    const last = this.files.at(-1)
    this.bytes += landed.textBytes
    if (small && this.isShared && last !== undefined) {
      appendFileSync(last.path, readFileSync(landed.path))
      await rm(landed.path)
      last.documents.push({ ...landed, path: last.path })
      return
    }
    this.isShared = small
    if (!small) this.bytes += FILE_BYTES
    const path = join(this.folder, String(this.files.length).padStart(8, '0'))
    await rename(landed.path, path)
    if (landed.longLines.size > 0) await rename(`${landed.path}.long`, `${path}.long`)
    this.files.push({ path, documents: [{ ...landed, path }] })
  }

  private async takeOriginal(original: string | null): Promise<string | null> {
    if (original === null) return null
    const path = join(this.folder, originalOf(String(this.originals++)))
    await rename(original, path)
    return path
  }
}
