/** Seals an archive, for the commands: documents are read back through the pipeline, with a stand-in for the sink. */

import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { plural } from '../../schemas/words.js'
import { isWithin } from '../address.js'
import { type AnchorPlace, openAnchor } from '../archive/anchors.js'
import type { ArchivePlace } from '../archive/archive.js'
import type { Noted } from '../archive/noted.js'
import type { Counting } from '../archive/read-back.js'
import type { NewSeal, Sealing } from '../archive/sealing.js'
import { SomeErrors } from '../archive/some-errors.js'
import { Tally } from '../archive/tally.js'
import { sealLoaded } from '../archive/unsealed.js'
import { AuditError, usageError } from '../errors.js'
import { type Entry, Journal, withoutLoads } from '../journal.js'
import { GENEROUS } from '../landing/limits.js'
import { type Job, run } from '../pipeline.js'
import type { Progress } from '../progress.js'
import { SETTLE_MS } from '../sources/api/days.js'
import { version } from '../version.js'
import { signingKey } from './keys.js'
import { CONCURRENCY } from './options.js'
import type { Kept, Room } from './run.js'
import type { Session } from './session.js'
import type { Survivor } from './survivor.js'

const BATCH_BYTES = 256 << 20

/** The summary of a load counts its own documents only. */
const SILENT: Progress = {
  start() {},
  landed() {},
  landedDocument() {},
  transformed() {},
  loaded() {},
  write() {},
  stop() {},
}

/** The first UTC day that is not finished, two hours after its end. */
export const openDayAt = (now: Date): string => new Date(now.getTime() - SETTLE_MS).toISOString().slice(0, 10)

/** What marks the seals as ours: a signature, and their hashes in another place. */
export interface Marks {
  readonly signKey: KeyObject | null
  readonly anchor: AnchorPlace | null
  close(): Promise<void>
}

/**
 * @param archive its address
 * @throws AuditError, exit code 2, when the key or the anchor cannot be used
 */
export async function openMarks({ settings, logger }: Session, archive: string): Promise<Marks> {
  const { sign_key: file, anchor: address } = settings
  if (address !== undefined && (isWithin(address, archive) || isWithin(archive, address))) {
    throw usageError(
      'the anchor lies in the archive, or the archive in it',
      'An anchor helps only where nobody who can change the archive can change it too.',
    )
  }
  const signKey = signingKey(file, process.env, (text) => logger.warn(text))
  const anchor = address === undefined ? null : await openAnchor(address)
  return { signKey, anchor, close: async () => anchor?.close() }
}

export interface SealedArchive {
  readonly place: ArchivePlace
  /** For how long nobody may delete a seal; null leaves that to the bucket. */
  readonly retainMs: number | null
  readonly marks: Marks
  /** What this run knows about the documents that it archived; null if it archived none. */
  readonly noted: Noted | null
}

/** Counts documents of an archive by reading them through the pipeline. */
export function countingIn(
  { engine, folder }: Room,
  place: ArchivePlace,
  { settings, logger, signal }: Session,
  { entries, post }: Pick<Survivor, 'entries' | 'post'>,
): Counting {
  let counts = 0
  const crashes = entries.flatMap(asCrash)
  return {
    ...{ place, signal, concurrency: settings.concurrency ?? CONCURRENCY },
    async count(source) {
      const tally = new Tally(join(folder, `seal-${counts++}`))
      const journal = new Journal([tally.id], crashes, async (entry) => {
        for (const each of asCrash(entry)) await post(each)
      })
      const summary = await run({
        jobs: [{ source, range: null, refetch: true }],
        sinks: [tally],
        ...{ engine, folder, logger, signal, journal, progress: SILENT, batchBytes: BATCH_BYTES },
        // They were accepted when they were loaded.
        ...{ limits: GENEROUS, maxRejects: Number.MAX_SAFE_INTEGER, loaderVersion: version() },
      })
      for (const { error } of summary.sinks) if (error !== null) throw new AuditError(error, { outside: true })
      for (const { error } of summary.failed) logger.warn(`an archived document cannot be counted: ${error}`)
      return tally.counted(engine.connection)
    },
  }
}

export function sealingIn(
  room: Room,
  { place, retainMs, marks, noted }: SealedArchive,
  session: Session,
  survivor: Pick<Survivor, 'entries' | 'post'>,
  { onSealed, onError }: { onSealed(seal: NewSeal): void; onError(error: AuditError): void },
): Sealing {
  let { anchor } = marks
  const { logger, signal } = session
  return {
    ...countingIn(room, place, session, survivor),
    ...{ retainMs, noted, signKey: marks.signKey, openDay: openDayAt(new Date()) },
    now: () => new Date(),
    async onSealed(seal, bytes) {
      logger.info(seal, `sealed ${seal.day ?? 'documents without a day'}`)
      onSealed(seal)
      // The seal stays, and the hash of the next one covers it. An anchor that fails is not waited for again.
      await anchor?.put(seal, bytes, signal).catch((error: unknown) => {
        if (signal.aborted || !(error instanceof AuditError)) throw error
        anchor = null
        onError(error)
      })
    },
  }
}

/**
 * Seals what a load has completed in its archive.
 *
 * @throws AuditError when something could not be sealed; the rest is
 */
export async function sealAfterLoad(
  room: Room,
  session: Session,
  jobs: readonly Job[],
  kept: Kept,
  survivor: Pick<Survivor, 'entries' | 'post'>,
): Promise<void> {
  const { archive } = kept
  const errors = new SomeErrors()
  const onError = (error: AuditError): void => errors.add(error)
  const sealing = sealingIn(room, kept, session, survivor, { onSealed: () => {}, onError })
  const ranges = new Map(jobs.map(({ source, range }) => [source.id, range]))
  for (const [source, range] of ranges)
    await sealLoaded({ source, range, added: archive.added(source) }, sealing, onError)
  const [first, ...others] = errors.first
  for (const err of others) session.logger.error({ err })
  if (errors.more > 0) session.logger.error(`${plural(errors.more, 'more error')} while sealing`)
  if (first !== undefined) throw first
}

/** What the next process of this run has to know of sealing: only what crashed. Nothing of it belongs in the load's summary. */
function asCrash(entry: Entry): readonly Entry[] {
  if (entry.type === 'failed' || entry.type === 'sink failed') return []
  return entry.type === 'result' ? [{ type: 'ended' }] : withoutLoads([entry])
}
