/** The one loop: list, land, transform, load. */

import { rm } from 'node:fs/promises'
import type { Batch, DayRange, Document, LoadCounts, Sink, Source } from './contract.js'
import { AuditError, EXIT, interrupted, printable } from './errors.js'
import { type LandedBatch, landBatches, type SpoolFile } from './extract/batches.js'
import { receiptVersion } from './extract/days.js'
import { type DocumentLimits, GENEROUS } from './extract/limits.js'
import { settledFiles } from './extract/settled.js'
import { newLoadId } from './load-id.js'
import type { Logger } from './log.js'
import type { Progress } from './progress.js'
import type { Engine } from './transform/engine.js'
import { dropAll, type Transformed, transform } from './transform/transform.js'

export interface Job {
  readonly source: Source
  readonly range: DayRange
  /** Read documents again whose version the sinks hold. */
  readonly refetch: boolean
}

export interface Run {
  readonly jobs: readonly Job[]
  readonly sinks: readonly Sink[]
  readonly engine: Engine
  /** A folder of the run's own: landed documents stand there while their batch is loaded. */
  readonly folder: string
  /** A batch is full when its text reaches this size. */
  readonly batchBytes: number
  /** What one document may take. */
  readonly limits?: DocumentLimits
  /** How many rejects a document may have that has little else; undefined: none was named. */
  readonly maxRejects?: number | undefined
  readonly loaderVersion: string
  readonly logger: Logger
  readonly progress: Progress
  readonly signal: AbortSignal
}

export interface Summary {
  /** Documents loaded. */
  documents: number
  /** Documents whose version every sink had already. */
  skipped: number
  /** Documents of which nothing is loaded, with why. */
  failed: { document: string; error: string; advice: string | null }[]
  sinks: SinkSummary[]
}

export type SinkSummary = { sink: string; error: string | null } & { -readonly [count in keyof LoadCounts]: number }

/** What of a source is new to at least one sink. */
export interface Pending {
  readonly source: Source
  readonly range: DayRange
  readonly documents: readonly Document[]
  readonly skipped: number
  alreadyLoaded(document: Document, version: string): boolean
}

/** Compares every listed document and its version with the receipts of every sink; no watermark can miss one so. */
export async function listPending(
  { source, range, refetch }: Job,
  sinks: readonly Sink[],
  signal: AbortSignal,
): Promise<Pending> {
  const receipts: ReadonlyMap<string, string>[] = []
  for (const sink of sinks) receipts.push(await sink.receipts(source.id))
  // A receipt for all of a document serves for some of its days too.
  const alreadyLoaded = (document: Document, version: string): boolean => {
    const serving = [version, receiptVersion(document, version, range)]
    return !refetch && receipts.every((known) => serving.includes(known.get(document.id) ?? ''))
  }
  const documents = new Map<string, Document>()
  let skipped = 0
  for await (const document of source.list(range, signal)) {
    if (document.version !== null && alreadyLoaded(document, document.version)) skipped++
    else documents.set(document.id, document)
  }
  return { source, range, documents: [...documents.values()], skipped, alreadyLoaded }
}

/**
 * Loads everything new from the sources into the sinks.
 *
 * A document or a sink that fails does not stop the others; both stand in the summary.
 *
 * @throws AuditError when a source cannot be listed, no sink is left, or the signal was aborted
 */
export async function run(options: Run): Promise<Summary> {
  const { jobs, sinks, progress, signal } = options
  const summary = emptySummary(sinks)
  for (const sink of sinks) await sink.prepare()
  const work: Pending[] = []
  for (const job of jobs) work.push(await listPending(job, sinks, signal))
  progress.start(totals(work))
  for (const pending of work) {
    summary.skipped += pending.skipped
    await loadPending(pending, options, summary)
  }
  return summary
}

async function loadPending(pending: Pending, options: Run, summary: Summary): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const told = landingOptions(pending, { ...options, signal }, summary)
  const landing = landBatches(pending.documents, told)
  let next = landing.next()
  try {
    for (let step = await next; step.done !== true; step = await next) {
      const batch = await transformSettled(step.value, pending, options, told)
      options.progress.transformed(batch?.rowsRead ?? 0)
      next = landing.next() // the next batch lands while this one is loaded
      next.catch(() => {}) // a failure is met when it is awaited
      if (batch !== null) await loadAll(batch, options, summary)
      summary.documents += batch?.documents ?? 0
      await dropAll(options.engine)
      await rm(step.value.folder, { recursive: true, force: true })
    }
  } finally {
    // Nothing may go on landing into a folder that is about to be removed.
    stop.abort()
    await next.catch(() => {})
    await landing.return(undefined).catch(() => {})
  }
}

function landingOptions(
  { source, alreadyLoaded }: Pending,
  { folder, batchBytes, signal, limits = GENEROUS, progress, logger }: Run,
  summary: Summary,
): Parameters<typeof landBatches>[1] {
  return {
    folder,
    batchBytes,
    commitEach: source.commitEach ?? false,
    concurrency: source.concurrency ?? 1,
    signal,
    limits,
    alreadyLoaded,
    onBytes: (bytes) => progress.landed(bytes),
    onLanded: ({ document, moreFollow }) => {
      progress.landedDocument()
      if (moreFollow)
        logger.warn(`${printable(document.id)} is a saved page whose next_cursor names another: load that too`)
    },
    onSkipped: () => {
      progress.landedDocument()
      summary.skipped++
    },
    onGone: ({ id }) => {
      progress.landedDocument()
      logger.info(`${printable(id)} was removed after it was listed`)
    },
    onFailed: ({ id }, { message, advice }) => {
      progress.landedDocument()
      summary.failed.push({ document: id, error: message, advice: advice ?? null })
    },
  }
}

/**
 * Transforms until no document changed meanwhile. Null when that fails or nothing is left: its documents stand in the
 * summary, and those of the next batch can be loaded all the same.
 */
async function transformSettled(
  { files, folder }: LandedBatch,
  { source, range }: Pending,
  run: Run,
  told: ReturnType<typeof landingOptions>,
): Promise<Batch | null> {
  const { engine, signal, loaderVersion, maxRejects } = run
  const startedAt = new Date()
  const identity = { source: source.id, loadId: newLoadId(), startedAt, loaderVersion, folder, range, maxRejects }
  for (let asked: readonly SpoolFile[] = files; ; ) {
    let outcome: Transformed | AuditError
    try {
      outcome = await transform(engine, asked, identity, signal)
    } catch (error) {
      if (!(error instanceof AuditError) || error.exitCode === EXIT.interrupted) throw error
      outcome = error
    }
    const settled = await settledFiles(asked, told)
    const documents = settled.flatMap((file) => file.documents)
    if (documents.length === 0) return null
    if (settled === asked && !(outcome instanceof AuditError)) {
      for (const { document, error } of outcome.refused) told.onFailed(document, error)
      return outcome.documents === 0 ? null : outcome
    }
    if (settled === asked && outcome instanceof AuditError) {
      for (const { document } of documents) told.onFailed(document, outcome)
      return null
    }
    asked = settled
  }
}

async function loadAll(batch: Batch, { sinks, logger, progress, signal }: Run, summary: Summary): Promise<void> {
  for (const [i, sink] of sinks.entries()) {
    const total = summary.sinks[i] as SinkSummary
    if (total.error !== null) continue
    try {
      const counts = await sink.load(batch, signal)
      for (const count of ['read', 'inserted', 'enriched', 'unchanged', 'rejected'] as const)
        total[count] += counts[count]
      progress.loaded(counts.read)
    } catch (error) {
      // What was committed before the stop is told, even where the stop made it fail.
      if (signal.aborted && error instanceof AuditError && error.exitCode !== EXIT.interrupted)
        logger.error({ err: error })
      if (signal.aborted) throw interrupted()
      logger.error({ err: error }, `${sink.id} takes no more of this run`)
      total.error = error instanceof AuditError ? error.message : 'an unexpected error'
      if (summary.sinks.every((each) => each.error !== null)) throw error
    }
  }
}

function emptySummary(sinks: readonly Sink[]): Summary {
  const counts = { read: 0, inserted: 0, enriched: 0, unchanged: 0, rejected: 0 }
  return { documents: 0, skipped: 0, failed: [], sinks: sinks.map(({ id }) => ({ sink: id, error: null, ...counts })) }
}

function totals(work: readonly Pending[]): { documents: number; bytes: number | null } {
  const documents = work.flatMap((pending) => pending.documents)
  const known = documents.every(({ bytes }) => bytes !== null)
  return {
    documents: documents.length,
    bytes: known ? documents.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) : null,
  }
}
