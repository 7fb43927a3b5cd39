/** Lands documents, several at once where a source allows it, and gathers them in their order into batches. */

import { appendFileSync, readFileSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Document } from '../contract.js'
import { AuditError, EXIT } from '../errors.js'
import { type Landed, land } from './landing.js'
import type { DocumentLimits } from './limits.js'

/** Each document costs a little beside its bytes: a receipt to keep. */
const MOST_DOCUMENTS = 10_000

/**
 * Smaller documents share a spool file: the engine needs memory for each file it opens, and 7,000 files of 35 kB took
 * more than three times that of their text in one.
 */
const SMALL_BYTES = 1 << 20
/** What a file of its own costs the engine, beside its text. */
const FILE_BYTES = 1 << 18

export interface BatchingOptions {
  /** A folder of the run's own; each batch gets one below it. */
  readonly folder: string
  /** A batch is full when its text reaches this size; a larger document is a batch of its own. */
  readonly batchBytes: number
  /** Whether each document is a batch of its own. */
  readonly commitEach: boolean
  /** How many documents may land at once. */
  readonly concurrency: number
  readonly signal: AbortSignal
  readonly limits: DocumentLimits
  /** Whether a document whose version is known only now is loaded already. */
  alreadyLoaded(document: Document, version: string): boolean
  onBytes(bytes: number): void
  onLanded(landed: Landed): void
  onSkipped(document: Document): void
  /** A document that was removed after it was listed. */
  onGone(document: Document): void
  /** A document that did not arrive whole: nothing of it is in any batch. */
  onFailed(document: Document, error: AuditError): void
}

/** A file of plain NDJSON for the engine: one document, or several small ones behind each other. */
export interface SpoolFile {
  readonly path: string
  readonly documents: readonly Landed[]
  /** Lines of its one document that are put aside because the engine fails on them, and how it does. */
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
  const { folder, batchBytes, commitEach } = options
  const begin = async (): Promise<Spool> => new Spool(await mkdtemp(join(folder, 'batch-')))
  let spool = await begin()
  for await (const landed of landInOrder(documents, options)) {
    await spool.add(landed)
    if (!commitEach && spool.bytes < batchBytes && spool.documents < MOST_DOCUMENTS) continue
    yield spool
    spool = await begin()
  }
  if (spool.documents > 0) yield spool
}

/** Hands on what landed in the order of the documents, while the next ones are landing. */
async function* landInOrder(documents: Iterable<Document>, options: BatchingOptions): AsyncGenerator<Landed> {
  const folder = await mkdtemp(join(options.folder, 'landing-'))
  const underWay: Promise<Landed | null>[] = []
  let count = 0
  const awaitFirst = async (): Promise<Landed | null> => (await underWay.shift()) ?? null
  try {
    for (const document of documents) {
      const landing = landOne(document, join(folder, String(count++)), options)
      landing.catch(() => {}) // a failure is met when it is awaited
      underWay.push(landing)
      if (underWay.length < options.concurrency) continue
      const landed = await awaitFirst()
      if (landed !== null) yield landed
    }
    while (underWay.length > 0) {
      const landed = await awaitFirst()
      if (landed !== null) yield landed
    }
  } finally {
    await Promise.allSettled(underWay)
  }
}

async function landOne(document: Document, path: string, options: BatchingOptions): Promise<Landed | null> {
  try {
    const { signal, limits, onBytes } = options
    const allowInPlace = (document.bytes ?? 0) >= SMALL_BYTES
    const landed = await land(document, { path, allowInPlace, signal, limits, onBytes })
    if (landed === null) {
      options.onGone(document)
    } else if (document.version === null && options.alreadyLoaded(document, landed.version)) {
      options.onSkipped(document)
    } else {
      options.onLanded(landed)
      return landed
    }
  } catch (error) {
    if (!(error instanceof AuditError) || error.exitCode === EXIT.interrupted) throw error
    options.onFailed(document, error)
  }
  // What it wrote would keep the disk from those that follow.
  for (const file of [path, `${path}.long`]) await rm(file, { force: true })
  return null
}

/** The files of one batch; the engine knows each by the number it is named by. */
class Spool implements LandedBatch {
  readonly folder: string
  readonly files: { readonly path: string; readonly documents: Landed[] }[] = []
  documents = 0
  bytes = 0
  /** Of the last file, while small documents may be added to it. */
  private shared = false

  constructor(folder: string) {
    this.folder = folder
  }

  async add(landed: Landed): Promise<void> {
    this.documents++
    const small = landed.textBytes < SMALL_BYTES && landed.inPlace === null && landed.longLines.size === 0
    const last = this.files.at(-1)
    this.bytes += landed.textBytes
    if (small && this.shared && last !== undefined) {
      appendFileSync(last.path, readFileSync(landed.path))
      await rm(landed.path)
      last.documents.push({ ...landed, path: last.path })
      return
    }
    this.shared = small
    if (!small) this.bytes += FILE_BYTES
    const path = join(this.folder, String(this.files.length).padStart(8, '0'))
    await rename(landed.path, path)
    if (landed.longLines.size > 0) await rename(`${landed.path}.long`, `${path}.long`)
    this.files.push({ path, documents: [{ ...landed, path }] })
  }
}
