/** Transforms a landed batch. If the engine fails on a document, transforms it without the lines on which it fails. */

import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Batch, DayRange, Document, Source } from '../contract.js'
import { duckdbError } from '../duckdb/errors.js'
import { AuditError, EXIT, interrupted, printable } from '../errors.js'
import type { Journal, Key } from '../journal.js'
import type { LandedBatch, SpoolFile } from '../landing/batches.js'
import { relandChanged } from '../landing/changed-files.js'
import { EVERYTHING } from '../landing/days.js'
import { type Landed, land, type Originals } from '../landing/landing.js'
import type { DocumentLimits } from '../landing/limits.js'
import { documentsOf, withLinesAside } from '../landing/spooled.js'
import { newLoadId } from '../load-id.js'
import type { Privacy } from '../privacy/shown.js'
import type { Engine } from '../transform/engine.js'
import { type Transformed as TransformedBatch, transform } from '../transform/transform.js'
import { MOST_OFFENDERS, offendersOf } from './offenders.js'

export interface Transforming {
  readonly source: Source
  readonly range: DayRange
  readonly engine: Engine
  readonly journal: Journal
  readonly loaderVersion: string
  readonly signal: AbortSignal
  readonly limits: DocumentLimits
  /** Keeps the bytes of documents that land again; absent without an archive. */
  readonly originals?: Originals | undefined
  /** How many rejects a document may have if they are most of its lines; undefined when not given. */
  readonly maxRejects: number | undefined
  readonly privacy: Privacy
  onGone(document: Document): void
  onFailed(document: Document, error: AuditError): void
}

/** A batch and the files it was made from, which may differ from those given. */
export interface Transformed {
  readonly landed: LandedBatch
  readonly keys: readonly Key[]
  readonly batch: Batch
  /** The documents in `batch`: those of `landed` that were not refused. */
  readonly accepted: readonly Landed[]
}

export const keysOf = (landed: LandedBatch, source: Source): readonly Key[] =>
  documentsOf(landed).map(({ document }) => keyOf(source, document))

export const keyOf = (source: Source, { id, reading }: Document): Key =>
  `${source.id}\n${id}${reading === undefined ? '' : `\n${reading}`}`

/** @throws AuditError when the signal is aborted, whatever the error */
export function unlessInterrupted(error: unknown, signal: AbortSignal): AuditError {
  if (signal.aborted) throw interrupted()
  const failure = duckdbError('the engine', error)
  if (failure.exitCode === EXIT.interrupted) throw failure
  return failure
}

/**
 * @param keys those of its documents
 * @returns `split` when the engine fails on several documents together that may succeed one by one; null when nothing of
 *   the batch is left to load, which was reported
 */
export async function transformBatch(
  landed: LandedBatch,
  keys: readonly Key[],
  run: Transforming,
): Promise<Transformed | 'split' | null> {
  const { journal, source, signal } = run
  let { files } = landed
  let outcome: TransformedBatch | AuditError
  try {
    ;({ files, outcome } = await journal.survive('transform', keys, () => transformUnchanged(landed, run)))
  } catch (error) {
    outcome = unlessInterrupted(error, signal)
  }
  const left = { folder: landed.folder, files }
  const documents = documentsOf(left)
  if (documents.length === 0) return null
  if (!(outcome instanceof AuditError)) {
    return taken(left, files === landed.files ? keys : keysOf(left, source), outcome, run)
  }
  if (!journal.givesUp && (await engineWorks(landed.folder, run))) {
    if (documents.length > 1) return 'split'
    const rest = await withoutOffenders(left, outcome, run)
    if (!(rest instanceof AuditError)) return rest
    outcome = rest
  }
  for (const { document } of documents) run.onFailed(document, named(document, outcome))
  return null
}

/** Reports refused documents, but only once: a batch that a sink refuses is transformed again. */
function taken(
  landed: LandedBatch,
  keys: readonly Key[],
  batch: TransformedBatch,
  { journal, source, onFailed }: Transforming,
): Transformed | null {
  for (const { document, error } of batch.refused) {
    if (!journal.isFinished(keyOf(source, document))) onFailed(document, error)
  }
  if (batch.documents === 0) return null
  const refused = new Set(batch.refused.map(({ document }) => document))
  const accepted = documentsOf(landed).filter(({ document }) => !refused.has(document))
  return { landed, keys, batch, accepted }
}

/** Transforms again until no document has changed in the meantime. */
async function transformUnchanged(
  { files, folder }: LandedBatch,
  run: Transforming,
): Promise<{ readonly files: readonly SpoolFile[]; readonly outcome: TransformedBatch | AuditError }> {
  for (let current = files; ; ) {
    const outcome = await attempt(current, folder, run)
    const relanded = await relandChanged(current, run)
    const isEmpty = relanded.every(({ documents }) => documents.length === 0)
    if (relanded === current || isEmpty) return { files: relanded, outcome }
    current = relanded
  }
}

async function attempt(
  files: readonly SpoolFile[],
  folder: string,
  run: Transforming,
): Promise<TransformedBatch | AuditError> {
  const { engine, source, range, loaderVersion, maxRejects, privacy, signal } = run
  const startedAt = new Date()
  const read = { range, maxRejects, privacy }
  const identity = { source: source.id, loadId: newLoadId(), startedAt, loaderVersion, folder, ...read }
  try {
    return await transform(engine, files, identity, signal)
  } catch (error) {
    return unlessInterrupted(error, signal)
  }
}

/** Transforms the only document of a batch without the lines on which the engine fails; an error if they cannot be found. */
async function withoutOffenders(
  landed: LandedBatch,
  failure: AuditError,
  run: Transforming,
): Promise<Transformed | AuditError | null> {
  const { journal, source, signal } = run
  const file = landed.files.find(({ documents }) => documents.length === 1)
  const document = file?.documents[0]
  if (file === undefined || document === undefined || document.lines === 0) return failure
  const key = keyOf(source, document.document)
  const folder = await mkdtemp(join(landed.folder, 'apart-'))
  try {
    const offenders = await offendersOf(file, folder, (lines, before) =>
      journal.once(
        `lines from ${before + 1}, ${lines.documents[0]?.lines} of ${document.sha256}`,
        key,
        async () => {
          const outcome = await attempt([lines], folder, run)
          if (outcome instanceof AuditError) throw outcome
          return null
        },
        (error) => unlessInterrupted(error, signal).message,
      ),
    )
    // If the machine failed rather than the lines, they must not become rejects.
    if (offenders.size === 0 || offenders.size > MOST_OFFENDERS || !(await engineWorks(folder, run))) return failure
    const rest = { folder: landed.folder, files: [await withLinesAside(file, offenders, landed.folder)] }
    const { files, outcome } = await journal.survive('transform the rest', [key], () => transformUnchanged(rest, run))
    if (outcome instanceof AuditError) return outcome
    return taken({ folder: landed.folder, files }, [key], outcome, run)
  } catch (error) {
    return unlessInterrupted(error, signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const LINE = Buffer.from('{"timestamp":"2023-01-23T12:34:56Z","action":"user:login"}\n')

/** Never loaded: a document that shows whether the engine and its folder work at all. */
const CONTROL: Document = {
  id: 'control',
  version: 'control',
  bytes: LINE.length,
  range: EVERYTHING,
  open: async () =>
    (async function* () {
      yield LINE
    })(),
}

/** Whether the engine transforms a line that is certainly valid; restarts the engine if needed. */
async function engineWorks(folder: string, run: Transforming): Promise<boolean> {
  const { engine, signal } = run
  const works = async (): Promise<boolean> => {
    try {
      const own = await mkdtemp(join(folder, 'control-'))
      const path = join(own, '00000000')
      const landed = await land(CONTROL, { path, allowInPlace: false, signal, onBytes() {} })
      if (landed === null) return false
      return !((await attempt([{ path, documents: [landed] }], own, run)) instanceof AuditError)
    } catch (error) {
      unlessInterrupted(error, signal)
      return false
    }
  }
  if (await works()) return true
  try {
    await engine.restart()
    return await works()
  } catch (error) {
    unlessInterrupted(error, signal)
    return false
  }
}

function named({ id }: Document, { message, advice }: AuditError): AuditError {
  return new AuditError(`transforming ${printable(id)} failed: ${message}`, advice === undefined ? {} : { advice })
}
