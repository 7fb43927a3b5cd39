/** Lands documents one after the other and gathers them into batches. */

import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Document } from '../contract.js'
import { AuditError, EXIT } from '../errors.js'
import { type Landed, land } from './landing.js'

/** Each document costs a little beside its bytes: a file to open, a receipt to keep. */
const MOST_DOCUMENTS = 10_000

export interface BatchingOptions {
  /** A folder of the run's own; each batch gets one below it. */
  readonly folder: string
  /** A batch is full when its text reaches this size; a larger document is a batch of its own. */
  readonly batchBytes: number
  /** Whether each document is a batch of its own. */
  readonly commitEach: boolean
  readonly signal: AbortSignal
  /** Whether a document whose version is known only now is loaded already. */
  alreadyLoaded(document: Document, version: string): boolean
  onBytes(bytes: number): void
  onLanded(landed: Landed): void
  onSkipped(document: Document): void
  /** A document that did not arrive whole: nothing of it is in any batch. */
  onFailed(document: Document, error: AuditError): void
}

export interface LandedBatch {
  readonly folder: string
  readonly documents: readonly Landed[]
}

export async function* landBatches(
  documents: Iterable<Document>,
  options: BatchingOptions,
): AsyncGenerator<LandedBatch> {
  const newFolder = (): Promise<string> => mkdtemp(join(options.folder, 'batch-'))
  let folder = await newFolder()
  let landed: Landed[] = []
  let bytes = 0
  for (const document of documents) {
    const one = await landOne(document, folder, landed.length, options)
    if (one === null) continue
    landed.push(one)
    bytes += one.textBytes
    if (!options.commitEach && bytes < options.batchBytes && landed.length < MOST_DOCUMENTS) continue
    yield { folder, documents: landed }
    folder = await newFolder()
    landed = []
    bytes = 0
  }
  if (landed.length > 0) yield { folder, documents: landed }
}

async function landOne(
  document: Document,
  folder: string,
  ordinal: number,
  options: BatchingOptions,
): Promise<Landed | null> {
  try {
    const { signal, onBytes } = options
    const landed = await land(document, { folder, ordinal, allowInPlace: true, signal, onBytes })
    if (document.version === null && options.alreadyLoaded(document, landed.version)) {
      options.onSkipped(document)
      return null
    }
    options.onLanded(landed)
    return landed
  } catch (error) {
    if (!(error instanceof AuditError) || error.exitCode === EXIT.interrupted) throw error
    options.onFailed(document, error)
    return null
  }
}
