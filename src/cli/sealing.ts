/** Seals an archive, for the commands: documents are read back through the pipeline, with a stand-in for the sink. */

import { join } from 'node:path'
import type { ArchivePlace } from '../archive/archive.js'
import type { NewSeal, Sealing } from '../archive/sealing.js'
import { Tally } from '../archive/tally.js'
import { sealLoaded } from '../archive/unsealed.js'
import { AuditError } from '../errors.js'
import { type Entry, Journal, withoutLoads } from '../journal.js'
import { GENEROUS } from '../landing/limits.js'
import { type Job, run } from '../pipeline.js'
import type { Progress } from '../progress.js'
import { SETTLE_MS } from '../sources/api/days.js'
import { version } from '../version.js'
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

export function sealingIn(
  room: Room,
  place: ArchivePlace,
  retainMs: number | null,
  { settings, logger, signal }: Session,
  { entries, post }: Pick<Survivor, 'entries' | 'post'>,
  sealed: (seal: NewSeal) => void,
): Sealing {
  let counts = 0
  const { engine, folder } = room
  const crashes = entries.flatMap(asCrash)
  return {
    ...{ place, retainMs, signal, signKey: null, openDay: openDayAt(new Date()) },
    concurrency: settings.concurrency ?? CONCURRENCY,
    now: () => new Date(),
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
      for (const { error } of summary.failed) logger.warn(`the seal states that a document cannot be counted: ${error}`)
      return tally.counted(engine)
    },
    async onSealed(seal) {
      logger.info(seal, `sealed ${seal.day ?? 'documents without a day'}`)
      sealed(seal)
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
  { archive, place, retainMs }: Kept,
  survivor: Pick<Survivor, 'entries' | 'post'>,
): Promise<void> {
  const sealing = sealingIn(room, place, retainMs, session, survivor, () => {})
  const errors: AuditError[] = []
  const ranges = new Map(jobs.map(({ source, range }) => [source.id, range]))
  for (const [source, range] of ranges)
    await sealLoaded({ source, range, added: archive.added(source) }, sealing, (error) => errors.push(error))
  for (const error of errors.slice(1)) session.logger.error({ err: error })
  if (errors[0] !== undefined) throw errors[0]
}

/** What the next process of this run has to know of sealing: only what crashed. Nothing of it belongs in the load's summary. */
function asCrash(entry: Entry): readonly Entry[] {
  if (entry.type === 'failed' || entry.type === 'sink failed') return []
  return entry.type === 'result' ? [{ type: 'ended' }] : withoutLoads([entry])
}
