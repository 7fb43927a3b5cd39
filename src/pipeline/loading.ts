/**
 * A landed batch into the sinks. What fails is taken apart, in halves down to a document and then to its lines, so that only
 * what is at fault is left out: by the engine for all sinks, by a sink for that one alone.
 */

import { rm } from 'node:fs/promises'
import type { LoadingSink } from '../contract.js'
import { AuditError, EXIT, interrupted, printable } from '../errors.js'
import type { LandedBatch } from '../landing/batches.js'
import { documentsOf, halvesOf } from '../landing/spooled.js'
import type { Logger } from '../log.js'
import type { Progress } from '../progress.js'
import { loadByLines } from './refusals.js'
import { keysOf, type Transformed, type Transforming, transformBatch } from './transforming.js'

/**
 * So many documents refused down to the last line, one after the other, and nothing taken in between: it is not the data. More
 * than one, for a name could be at fault.
 */
const MOST_REFUSALS = 3

export interface Loading extends Transforming {
  readonly sinks: readonly LoadingSink[]
  readonly logger: Logger
  readonly progress: Progress
  /** Of each batch that loads into all sinks; not when a sink alone needs it again. */
  onTransformed(rows: number): void
  /** By sink: documents refused whole since it took anything. */
  readonly refusals: Map<string, number>
}

/**
 * @param only the sinks to load into, where it is not all of them
 * @throws AuditError when no sink takes any more, or the signal is aborted
 */
export async function loadBatch(landed: LandedBatch, run: Loading, only?: readonly LoadingSink[]): Promise<void> {
  const { journal, source } = run
  const keys = keysOf(landed, source)
  const taken = ({ id }: LoadingSink): number => journal.loadedCount(id, keys)
  const sinks = (only ?? run.sinks).filter((sink) => !journal.hasFailed(sink.id) && taken(sink) < keys.length)
  if (sinks.length === 0) return
  // A process that died had loaded some of them.
  if (sinks.some((sink) => taken(sink) > 0)) return loadHalves(landed, run, only)
  const transformed = await transformBatch(landed, keys, run)
  if (transformed === 'apart') return loadHalves(landed, run, only)
  if (transformed === null) return
  if (only === undefined) run.onTransformed(transformed.batch.rowsRead)
  await loadInto(sinks, transformed, run)
  if (only === undefined) await journal.finish(transformed.keys)
}

async function loadHalves(landed: LandedBatch, run: Loading, only?: readonly LoadingSink[]): Promise<void> {
  // What killed comes last: by then the others are loaded, and need not be landed again after the next death.
  const killed = (half: LandedBatch): number => (run.journal.hasKilled(keysOf(half, run.source)) ? 1 : 0)
  const halves = await halvesOf(landed)
  for (const half of halves.toSorted((a, b) => killed(a) - killed(b))) {
    await loadBatch(half, run, only)
    await rm(half.folder, { recursive: true, force: true })
  }
}

async function loadInto(sinks: readonly LoadingSink[], transformed: Transformed, run: Loading): Promise<void> {
  const { batch, landed, keys } = transformed
  for (const [i, sink] of sinks.entries()) {
    try {
      const counts = await run.journal.load(sink.id, keys, () => sink.load(batch, run.signal))
      run.refusals.delete(sink.id)
      run.progress.loaded(counts.read)
      continue
    } catch (error) {
      if (!mayLieInTheData(error, run)) {
        await giveUp(sink, error, run)
        continue
      }
    }
    if (keys.length > 1) await loadHalves(landed, run, [sink])
    else await loadOne(sink, transformed, run)
    // By now the engine holds something else.
    return loadBatch(landed, run, sinks.slice(i + 1))
  }
}

/** A document that the sink refuses whole. */
async function loadOne(sink: LoadingSink, transformed: Transformed, run: Loading): Promise<void> {
  try {
    const refusal = await loadByLines(sink, transformed, run, (error) => mayLieInTheData(error, run))
    if (refusal === null) return
    for (const { document } of documentsOf(transformed.landed)) {
      run.onFailed(document, new AuditError(`${sink.id} refuses ${printable(document.id)}: ${refusal}`))
    }
    const refusals = (run.refusals.get(sink.id) ?? 0) + 1
    run.refusals.set(sink.id, refusals)
    if (refusals >= MOST_REFUSALS) await giveUp(sink, new AuditError(refusal), run)
  } catch (error) {
    mayLieInTheData(error, run)
    await giveUp(sink, error, run)
  }
}

/**
 * False for a fault that splitting cannot mend: the network, a login, a right, the disk, a lock.
 *
 * @throws AuditError when the signal was aborted, whatever the stop made fail
 */
function mayLieInTheData(error: unknown, { signal, logger }: Loading): boolean {
  if (!(error instanceof AuditError)) {
    if (signal.aborted) throw interrupted()
    return true
  }
  if (error.exitCode === EXIT.interrupted) throw error
  if (signal.aborted) {
    // What was committed before the stop is told.
    logger.error({ err: error })
    throw interrupted()
  }
  return !error.retryable && !error.outside && error.exitCode === EXIT.failed
}

async function giveUp(sink: LoadingSink, error: unknown, { journal, logger }: Loading): Promise<void> {
  logger.error({ err: error }, `${sink.id} takes no more of this run`)
  await journal.failSink(sink.id, error instanceof AuditError ? error.message : 'an unexpected error')
  if (journal.summary.sinks.every((each) => each.error !== null)) throw error
}
