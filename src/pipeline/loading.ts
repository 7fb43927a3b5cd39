/**
 * Loads a landed batch into the sinks. A batch that fails is split in halves, down to one document and then to its lines,
 * so that only the cause is left out: for all sinks when the engine fails, for one sink when that sink fails.
 */

import { rm } from 'node:fs/promises'
import type { Archive } from '../archive/archive.js'
import type { LoadingSink } from '../contract.js'
import { AuditError, EXIT, interrupted, printable } from '../errors.js'
import { leastOf } from '../journal.js'
import type { LandedBatch } from '../landing/batches.js'
import { documentsOf, halvesOf } from '../landing/spooled.js'
import type { Logger } from '../log.js'
import type { Progress } from '../progress.js'
import { loadByLines } from './refusals.js'
import {
  keyOf,
  keysOf,
  type Transformed,
  type Transforming,
  transformBatch,
  unlessInterrupted,
} from './transforming.js'

/**
 * After this many documents in a row of which a sink refused every line, the sink is at fault rather than the data. More
 * than one, because the document's name might be the cause.
 */
const MOST_REFUSALS = 3

export interface Loading extends Transforming {
  readonly sinks: readonly LoadingSink[]
  /** Takes every document before a sink does; null when none is kept. */
  readonly archive: Archive | null
  readonly logger: Logger
  readonly progress: Progress
  /** Called for each batch that loads into all sinks, but not again when one sink needs it transformed once more. */
  onTransformed(rows: number): void
  /** By sink: how many documents it has refused whole since it last took anything. */
  readonly refusals: Map<string, number>
}

/**
 * @param only the sinks to load into; all when absent
 * @throws AuditError when no sink is left, or the signal is aborted
 */
export async function loadBatch(landed: LandedBatch, run: Loading, only?: readonly LoadingSink[]): Promise<void> {
  const { journal, source } = run
  const keys = keysOf(landed, source)
  const taken = ({ id }: LoadingSink): number => journal.loadedCount(id, keys)
  const sinks = (only ?? run.sinks).filter((sink) => !journal.hasFailed(sink.id) && taken(sink) < keys.length)
  if (sinks.length === 0) return
  // A process that crashed had loaded some of the documents.
  if (sinks.some((sink) => taken(sink) > 0)) return loadHalves(landed, run, only)
  const transformed = await transformBatch(landed, keys, run)
  if (transformed === 'split') return loadHalves(landed, run, only)
  if (transformed === null) return
  if (!(await keep(transformed, run))) {
    if (transformed.keys.length > 1) await loadHalves(transformed.landed, run, only)
    return
  }
  if (only === undefined) run.onTransformed(transformed.batch.rowsRead)
  await loadInto(sinks, transformed, run)
  if (only === undefined) await journal.finish(transformed.keys)
}

/**
 * Archives the documents of a batch. What cannot be archived is reported.
 *
 * @returns false when the batch must not be loaded as it is
 * @throws AuditError when the archive cannot be written to, because then nothing can be loaded
 */
async function keep({ accepted, batch }: Transformed, run: Loading): Promise<boolean> {
  const { archive, journal, source, onFailed, signal } = run
  if (archive === null) return true
  const failed = await archive.keep(source.id, accepted, signal)
  for (const [document, error] of failed) {
    // A batch that is split comes here again.
    if (!journal.isFinished(keyOf(source, document))) onFailed(document, error)
  }
  if (failed.size > 0) return false
  // What is not counted here is read back when it is sealed. After a crash everything is, because counting may have caused it.
  if (!journal.careful) {
    await archive
      .count(source.id, batch, accepted, signal)
      .catch((error: unknown) => void unlessInterrupted(error, signal))
  }
  return true
}

async function loadHalves(landed: LandedBatch, run: Loading, only?: readonly LoadingSink[]): Promise<void> {
  // Documents that crashed a process come last: the others are loaded by then, and need not land again after another crash.
  const crashes = (half: LandedBatch): number => (run.journal.hasKilled(keysOf(half, run.source)) ? 1 : 0)
  const halves = await halvesOf(landed)
  for (const half of halves.toSorted((a, b) => crashes(a) - crashes(b))) {
    await loadBatch(half, run, only)
    await rm(half.folder, { recursive: true, force: true })
  }
}

async function loadInto(sinks: readonly LoadingSink[], transformed: Transformed, run: Loading): Promise<void> {
  const { batch, landed, keys } = transformed
  for (const [i, sink] of sinks.entries()) {
    try {
      const counts = await run.journal.load(sink.id, keys, () => sink.load(batch, run.signal), leastOf(batch))
      run.refusals.delete(sink.id)
      run.progress.loaded(counts.read)
      continue
    } catch (error) {
      if (!mayBeTheData(error, run)) {
        await giveUp(sink, error, run)
        continue
      }
    }
    if (keys.length > 1) await loadHalves(landed, run, [sink])
    else await loadOne(sink, transformed, run)
    // The engine holds other data now.
    return loadBatch(landed, run, sinks.slice(i + 1))
  }
}

/** Loads, line by line, a document that the sink refuses whole. */
async function loadOne(sink: LoadingSink, transformed: Transformed, run: Loading): Promise<void> {
  try {
    const refusal = await loadByLines(sink, transformed, run, (error) => mayBeTheData(error, run))
    if (refusal === null) return
    for (const { document } of documentsOf(transformed.landed)) {
      run.onFailed(document, new AuditError(`${sink.id} refuses ${printable(document.id)}: ${refusal}`))
    }
    const refusals = (run.refusals.get(sink.id) ?? 0) + 1
    run.refusals.set(sink.id, refusals)
    if (refusals >= MOST_REFUSALS) await giveUp(sink, new AuditError(refusal), run)
  } catch (error) {
    mayBeTheData(error, run)
    await giveUp(sink, error, run)
  }
}

/**
 * False for errors that splitting the batch cannot cure: network, login, permissions, disk, locks.
 *
 * @throws AuditError when the signal is aborted, whatever error the abort caused
 */
function mayBeTheData(error: unknown, { signal, logger }: Loading): boolean {
  if (!(error instanceof AuditError)) {
    if (signal.aborted) throw interrupted()
    return true
  }
  if (error.exitCode === EXIT.interrupted) throw error
  if (signal.aborted) {
    // Log it: the error may say what was committed before the abort.
    logger.error({ err: error })
    throw interrupted()
  }
  return !error.retryable && !error.outside && error.exitCode === EXIT.failed
}

async function giveUp(sink: LoadingSink, error: unknown, { journal, logger }: Loading): Promise<void> {
  logger.error({ err: error }, `${sink.id} failed; nothing more is loaded into it in this run`)
  await journal.failSink(sink.id, error instanceof AuditError ? error.message : 'an unexpected error')
  if (journal.summary.sinks.every((each) => each.error !== null)) throw error
}
