/** The main loop: list, land, transform, load. */

import { rm } from 'node:fs/promises'
import type { Archive } from './archive/archive.js'
import type { DayRange, Document, LoadingSink, Source } from './contract.js'
import { AuditError, printable } from './errors.js'
import { Journal, type Summary } from './journal.js'
import { landBatches } from './landing/batches.js'
import { EVERYTHING, receiptVersion } from './landing/days.js'
import { type DocumentLimits, GENEROUS } from './landing/limits.js'
import type { Logger } from './log.js'
import { type Loading, loadBatch } from './pipeline/loading.js'
import { keyOf } from './pipeline/transforming.js'
import { agree, share } from './privacy/agreement.js'
import { NO_PRIVACY, type Privacy } from './privacy/shown.js'
import type { Progress } from './progress.js'
import type { Engine } from './transform/engine.js'
import { dropAll } from './transform/transform.js'

export type { Summary } from './journal.js'

export interface Job {
  readonly source: Source
  /** The days to load; null: whatever the source considers new. */
  readonly range: DayRange | null
  /** Reads documents again even if the sinks hold their version. */
  readonly refetch: boolean
}

export interface Run {
  readonly jobs: readonly Job[]
  readonly sinks: readonly LoadingSink[]
  /** Takes every document before a sink does; null when none is kept. */
  readonly archive?: Archive | null
  readonly engine: Engine
  /** The run's own folder, where landed documents are kept while their batch is loaded. */
  readonly folder: string
  /** A batch is full when its text reaches this size. */
  readonly batchBytes: number
  /** Limits for one document. */
  readonly limits?: DocumentLimits
  /** How many rejects a document may have if they are most of its lines; undefined when not given. */
  readonly maxRejects?: number | undefined
  /** What sinks get of names and addresses; everything when absent. Erasures that the sinks remember are added. */
  readonly privacy?: Privacy
  readonly loaderVersion: string
  readonly logger: Logger
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Holds what earlier processes of this run did; a new one when absent. */
  readonly journal?: Journal
}

/** The documents of a source that are new to at least one sink. */
export interface Pending {
  readonly source: Source
  readonly range: DayRange
  readonly documents: readonly Document[]
  readonly skipped: number
  /** Documents that are new but archived, which are not read. */
  readonly archived: readonly Document[]
  readonly checkpoint: Document | null
  alreadyLoaded(document: Document, version: string): boolean
}

/**
 * Compares every listed document and its version with the receipts of every sink. Unlike a watermark, this cannot miss a
 * late or rewritten document.
 *
 * @param receipts   of each sink, for this source
 * @param isFinished whether an earlier process of this run has finished with a document
 */
export async function listPending(
  { source, range: wanted, refetch }: Job,
  receipts: readonly ReadonlyMap<string, string>[],
  signal: AbortSignal,
  isFinished: (document: Document) => boolean = () => false,
): Promise<Pending> {
  const range = wanted ?? source.window?.(receipts) ?? EVERYTHING
  // A receipt for all of a document also covers some of its days.
  const alreadyLoaded = (document: Document, version: string): boolean => {
    const sufficient = [version, receiptVersion(document, version, range)]
    return !refetch && receipts.every((known) => sufficient.includes(known.get(document.id) ?? ''))
  }
  const documents = new Map<string, Document>()
  const archived: Document[] = []
  let checkpoint: Document | null = null
  let skipped = 0
  for await (const document of source.list(range, signal, wanted === null && !refetch ? receipts : undefined)) {
    if (isFinished(document)) continue
    if (document.checkpoint === true) checkpoint = document
    else if (document.version !== null && alreadyLoaded(document, document.version)) skipped++
    else if (document.archived !== undefined) archived.push(document)
    else documents.set(keyOf(source, document), document)
  }
  return { source, range, documents: [...documents.values()], skipped, archived, checkpoint, alreadyLoaded }
}

/**
 * Loads everything new from the sources into the sinks.
 *
 * A source, document or sink that fails does not stop the others; the summary lists every failure.
 *
 * @throws AuditError when no source can be listed, no sink is left, or the signal is aborted
 */
export async function run(options: Run): Promise<Summary> {
  const { jobs, sinks, progress, signal } = options
  const { journal = new Journal(sinks.map(({ id }) => id)), privacy = NO_PRIVACY } = options
  const erased = new Set(privacy.erased)
  const known = new Map<string, readonly string[]>()
  await eachSink(options, journal, async (sink) => {
    await sink.prepare()
    const persons = await agree(sink, privacy)
    known.set(sink.id, persons)
    for (const person of persons) erased.add(person)
  })
  const running = { ...options, privacy: { ...privacy, erased } }
  await eachSink(options, journal, (sink) => share(sink, running.privacy, known.get(sink.id)))
  const work: Pending[] = []
  const unlisted: AuditError[] = []
  for (const job of jobs) {
    const isFinished = (document: Document): boolean => journal.isFinished(keyOf(job.source, document))
    const receipts: ReadonlyMap<string, string>[] = []
    await eachSink(options, journal, async (sink) => void receipts.push(await sink.receipts(job.source.id)))
    try {
      work.push(await listPending(job, receipts, signal, isFinished))
    } catch (error) {
      if (signal.aborted || !(error instanceof AuditError)) throw error
      unlisted.push(error)
      await journal.fail(`${job.source.id}\n`, job.source.id, error)
    }
  }
  if (work.length === 0 && unlisted[0] !== undefined) throw unlisted[0]
  progress.start(totals(work))
  for (const pending of work) {
    journal.summary.skipped += pending.skipped
    for (const { id, archived = '' } of pending.archived) journal.leaveOut(id, archived)
    await loadPending(pending, running, journal)
    await loadCheckpoint(pending, running, journal)
  }
  return journal.summary
}

/**
 * Runs `work` for one sink after another. A sink that fails is excluded from the run.
 *
 * @throws the last sink's error when no sink is left
 */
async function eachSink(
  { sinks, logger, signal }: Run,
  journal: Journal,
  work: (sink: LoadingSink) => Promise<void>,
): Promise<void> {
  for (const sink of sinks.filter(({ id }) => !journal.hasFailed(id))) {
    try {
      await work(sink)
    } catch (error) {
      if (signal.aborted || !(error instanceof AuditError)) throw error
      const left = sinks.filter(({ id }) => id !== sink.id && !journal.hasFailed(id))
      if (left.length === 0) throw error
      logger.error({ err: error }, `${sink.id} failed and is left out of this run`)
      await journal.failSink(sink.id, error.message)
    }
  }
}

/** Loads the checkpoint, unless anything in this run failed, even in another source: then the next run lists everything again. */
async function loadCheckpoint(pending: Pending, options: Run, journal: Journal): Promise<void> {
  const { summary } = journal
  const { documents } = summary
  if (pending.checkpoint === null || summary.failed.length > 0 || summary.archived.length > 0) return
  await loadPending({ ...pending, documents: [pending.checkpoint] }, options, journal)
  // The operator does not count it as a document.
  summary.documents = documents
}

async function loadPending(pending: Pending, options: Run, journal: Journal): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const { progress } = options
  let landsAhead = false
  const loading = loadingOptions(pending, options, journal, (rows) => {
    progress.transformed(rows)
    // The next batch lands while this one loads. After a crash they take turns, to show which of the two crashes.
    if (landsAhead || journal.careful) return
    landsAhead = true
    land()
  })
  const landing = landBatches(landable(pending, journal), { ...landingOptions(pending, options, loading), signal })
  let next = landing.next()
  const land = (): void => {
    next = landing.next()
    next.catch(() => {}) // handled when it is awaited
  }
  try {
    for (let step = await next; step.done !== true; step = await next) {
      landsAhead = false
      await loadBatch(step.value, loading)
      if (!landsAhead) land()
      await dropAll(options.engine)
      await rm(step.value.folder, { recursive: true, force: true })
    }
  } finally {
    // The folder is about to be removed, so nothing may still be landing in it.
    stop.abort()
    await next.catch(() => {})
    await landing.return(undefined).catch(() => {})
  }
}

function loadingOptions(
  { source, range }: Pending,
  {
    archive = null,
    engine,
    sinks,
    loaderVersion,
    limits = GENEROUS,
    maxRejects,
    privacy = NO_PRIVACY,
    logger,
    progress,
    signal,
  }: Run,
  journal: Journal,
  onTransformed: (rows: number) => void,
): Loading {
  return {
    ...{
      source,
      range,
      archive,
      originals: archive?.originals(source.id),
      engine,
      sinks,
      loaderVersion,
      limits,
      maxRejects,
      privacy,
      logger,
      progress,
      signal,
      journal,
      onTransformed,
    },
    refusals: new Map(),
    onGone: ({ id }) => {
      logger.info(`${printable(id)} was removed after it was listed`)
    },
    onFailed: (document, error) => {
      if (document.archived !== undefined) journal.leaveOut(document.id, document.archived)
      else void journal.fail(keyOf(source, document), document.id, error)
    },
  }
}

function landingOptions(
  { source, alreadyLoaded }: Pending,
  { folder, batchBytes, signal, limits = GENEROUS, progress, logger }: Run,
  { originals, onGone, onFailed, journal }: Loading,
): Parameters<typeof landBatches>[1] {
  return {
    ...{ folder, batchBytes, originals, signal, alreadyLoaded },
    // Progress counts each document once: one that fails after landing has been counted already.
    onGone: (document) => {
      progress.landedDocument()
      onGone(document)
    },
    onFailed: (document, error) => {
      progress.landedDocument()
      onFailed(document, error)
    },
    concurrency: journal.careful ? 1 : (source.concurrency ?? 1),
    limits,
    onBytes: (bytes) => progress.landed(bytes),
    onLanded: ({ document, moreFollow }) => {
      progress.landedDocument()
      if (moreFollow)
        logger.warn(`${printable(document.id)} is a saved page whose next_cursor names another page: load that one too`)
    },
    onSkipped: () => {
      progress.landedDocument()
      journal.summary.skipped++
    },
  }
}

/** After a crash, notes in the journal which document is landing. */
function landable({ documents, source }: Pending, journal: Journal): readonly Document[] {
  if (!journal.careful) return documents
  return documents.map((document) =>
    // A document may learn its version, or that it is archived, as it is opened.
    Object.create(document, {
      open: {
        async value(signal: AbortSignal) {
          await journal.beginLanding(keyOf(source, document))
          return document.open(signal)
        },
      },
    }),
  )
}

function totals(work: readonly Pending[]): { documents: number; bytes: number | null } {
  const documents = work.flatMap(({ documents, checkpoint }) =>
    checkpoint === null ? documents : [...documents, checkpoint],
  )
  const known = documents.every(({ bytes }) => bytes !== null)
  return {
    documents: documents.length,
    bytes: known ? documents.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) : null,
  }
}
