/** One run of the pipeline for a command; `load` and `backfill` differ only in their days. */

import { parseDuration } from '../../schemas/units.js'
import { isWithin } from '../address.js'
import type { Archive } from '../archive/archive.js'
import { requireSources } from '../config/settings.js'
import type { DayRange, LoadingSink, Source } from '../contract.js'
import { daysOfLoad } from '../detections/period.js'
import { AuditError, asAuditError, EXIT, type ExitCode, usageError } from '../errors.js'
import { Journal, type Summary } from '../journal.js'
import { type Job, run } from '../pipeline.js'
import { NO_PRIVACY, type Privacy } from '../privacy/shown.js'
import { removeScratch, scratchFolder } from '../scratch.js'
import { isArchive, openSources } from '../sources/index.js'
import { Engine } from '../transform/engine.js'
import { version } from '../version.js'
import type { Survive } from './check-run.js'
import { dryRun } from './dry-run.js'
import { CONCURRENCY, type RunFlags } from './options.js'
import { privacyOf } from './privacy.js'
import type { SealedArchive } from './sealing.js'
import { closeAll, openSinks, type Session } from './session.js'
import { outcome, writeFailure, writeSummary } from './summary.js'
import type { Survivor } from './survivor.js'
import { unopenedSink, unopenedSource } from './unopened.js'
import { inspect, type Seen } from './watched.js'

/** A larger batch than --memory holds is spilled; a smaller one would commit more often for nothing. */
const BATCH_BYTES = 256 << 20

export interface Days {
  /** Null: whatever each source considers new. */
  readonly range: DayRange | null
  /** How late an event may become known and still be found, in milliseconds. */
  readonly overlapMs: number
  readonly refetch: boolean
}

/** Runs the pipeline once, and writes the summary to stdout. */
export async function runOnce(
  session: Session,
  days: Days,
  flags: Pick<RunFlags, 'dryRun' | 'output' | 'check'>,
  { entries, post }: Pick<Survivor, 'entries' | 'post'>,
  seen: Seen = {},
): Promise<ExitCode> {
  const { settings } = session
  const privacy = privacyOf(session)
  const sinks = await openSinks(session, unopenedSink)
  const journal = new Journal(
    sinks.map(({ id }) => id),
    entries,
    post,
  )
  seen.summary = journal.summary
  reportDeath(session, entries)
  const jobs: Job[] = []
  let kept: Kept | null = null
  let summary: Summary
  const check = async (): Promise<ExitCode> =>
    flags.check === true && flags.dryRun !== true ? checkAfterLoad(session, journal, flags.output, seen) : EXIT.done
  let unsealed: AuditError | null = null
  const close = (): Promise<void> => {
    const archive = kept === null ? [] : [kept.archive, kept.marks]
    return closeAll([...jobs.map(({ source }) => source), ...sinks, ...archive], session)
  }
  try {
    for (const address of requireSources(settings)) {
      // The writer of standard input may stay silent forever.
      if (address === '-') session.signal.addEventListener('abort', () => process.stdin.destroy(), { once: true })
      for (const job of await openJobs(address, days, session)) {
        jobs.push(address === '-' && journal.careful ? { ...job, source: spent(job.source) } : job)
      }
    }
    if (flags.dryRun === true) {
      const code = await dryRun(session, jobs, sinks, flags.output)
      await close()
      return code
    }
    kept = await openArchive(session)
    const { archive = null } = kept ?? {}
    summary = await withEngine(session, async (room) => {
      const loaded = await runIn(room, session, jobs, sinks, archive, journal, privacy)
      if (kept !== null) unsealed = await sealAfter(room, session, jobs, kept, { entries, post })
      return loaded
    })
    if (settings.metrics !== undefined) await inspect(seen, jobs, sinks, session)
  } catch (error) {
    await close()
    // A source or a sink that fails may be the attack.
    if (error instanceof AuditError && error.exitCode !== EXIT.interrupted && !session.signal.aborted) await check()
    // Whatever else fails, this error is the one to report.
    if (flags.output === 'json' && flags.dryRun !== true)
      await writeFailure(journal.summary, error).catch((other: unknown) =>
        session.logger.error({ err: asAuditError(other) }),
      )
    throw error
  }
  await close()
  const code = outcome(summary, session)
  const checked = await check()
  // Comes last: if the process died after the summary, the next one would write it again.
  await writeSummary(summary, flags.output, settings.quiet ?? false)
  if (unsealed !== null) throw unsealed
  return exitCodeOf(code, checked)
}

/** A finding must not hide what is wrong with the load. */
function exitCodeOf(loaded: ExitCode, checked: ExitCode): ExitCode {
  if (checked === EXIT.done || loaded === EXIT.failed) return loaded
  return checked === EXIT.found && loaded !== EXIT.done ? loaded : checked
}

/** @returns the check's exit code; a failure is logged, so that the summary of the load still follows */
async function checkAfterLoad(
  session: Session,
  journal: Journal,
  output: 'text' | 'json',
  seen: Seen,
): Promise<ExitCode> {
  const { checkOnce } = await import('./check-run.js')
  try {
    const format = output === 'json' ? 'ndjson' : 'table'
    const { span, isCut } = daysOfLoad(journal.leastInserted, new Date())
    if (isCut) {
      const first = span.from.toISOString().slice(0, 10)
      session.logger.warn(`events before ${first} were loaded; check them with \`wandb-audit check --since\``)
    }
    seen.findings = new Map()
    // A step has no documents; its name stands for them.
    const survive: Survive = (step, work) => journal.survive(step, [step], work)
    return await checkOnce(session, span, { severity: 'medium', format }, seen.findings, survive)
  } catch (error) {
    const err = asAuditError(error)
    session.logger.error({ err })
    return err.exitCode
  }
}

/** @returns why the archive was not sealed, which is told after the summary of what was loaded */
async function sealAfter(
  room: Room,
  session: Session,
  jobs: readonly Job[],
  kept: Kept,
  survivor: Pick<Survivor, 'entries' | 'post'>,
): Promise<AuditError | null> {
  const { sealAfterLoad } = await import('./sealing.js')
  try {
    await sealAfterLoad(room, session, jobs, kept, survivor)
    return null
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    session.logger.warn('not all that is archived is sealed: run wandb-audit seal')
    return error
  }
}

export interface Kept extends SealedArchive {
  readonly archive: Archive
}

/** Says that this process continues the work of one that died. */
export function reportDeath({ logger }: Session, entries: Survivor['entries']): void {
  const last = entries.at(-1)
  if (last?.type === 'died')
    logger.warn(`the worker process ended with ${last.how}; another one continues and isolates the cause`)
}

/** Null when none is wanted. */
async function openArchive(session: Session): Promise<Kept | null> {
  const { settings } = session
  const { archive, retain, sign_key: signKey, anchor } = settings
  if (archive === undefined && retain !== undefined) {
    throw usageError('--retain needs --archive', 'Name the bucket that keeps the documents.')
  }
  if (archive === undefined && (signKey !== undefined || anchor !== undefined)) {
    throw usageError('--sign-key and --anchor need --archive', 'There are seals in an archive only.')
  }
  if (archive === undefined) return null
  const inSource = (place: string | undefined): boolean =>
    place !== undefined && requireSources(settings).some((source) => isWithin(place, source))
  if (inSource(archive) || inSource(anchor)) {
    throw usageError(
      `the ${inSource(archive) ? 'archive' : 'anchor'} lies inside a source`,
      'It would be loaded as logs: use a bucket or a folder of its own.',
    )
  }
  const { archiveAt, openPlace } = await import('../archive/archive.js')
  const place = await openPlace(archive)
  const retainMs = retain === undefined ? null : parseDuration(retain)
  const { openMarks } = await import('./sealing.js')
  const kept = archiveAt(place, retainMs)
  return { archive: kept, place, retainMs, marks: await openMarks(session, archive), noted: kept.noted }
}

export async function openJobs(
  address: string,
  { range, overlapMs, refetch }: Days,
  session: Session,
): Promise<readonly Job[]> {
  const { username, anonymize = false, api: dialect, concurrency = CONCURRENCY } = session.settings
  const { insecure_http: insecureHttp = false, follow_links: followLinks = false } = session.settings
  const { signal } = session
  const onWarning = (text: string): void => session.logger.warn(text)
  const options = { username, anonymize, dialect, insecureHttp, overlapMs, concurrency, followLinks, onWarning, signal }
  const sources = await openSources(address, options).catch((error: unknown) => [unopenedSource(address, error)])
  return sources.map((source) => ({ source, range, refetch: refetch || isArchive(address) }))
}

/** Standard input that an earlier process of this run has consumed. */
function spent(source: Source): Source {
  const open = async (): Promise<never> => {
    throw new AuditError('the process that read it died, and standard input cannot be read again', {
      advice: 'Save it to a file and load the file.',
    })
  }
  return {
    ...source,
    async *list(range, signal) {
      for await (const document of source.list(range, signal)) yield { ...document, open }
    },
  }
}

/** Where a run works: its engine, and its own folder. */
export interface Room {
  readonly engine: Engine
  readonly folder: string
}

export async function runIn(
  room: Room,
  { settings, logger, progress, signal }: Session,
  jobs: readonly Job[],
  sinks: readonly LoadingSink[],
  archive: Archive | null,
  journal: Journal,
  privacy: Privacy = NO_PRIVACY,
): Promise<Summary> {
  const { limits, max_rejects: maxRejects } = settings
  const batchBytes = Math.min(...sinks.map((sink) => sink.batchBytes ?? BATCH_BYTES))
  const limited = { batchBytes, limits, maxRejects, privacy, loaderVersion: version() }
  try {
    return await run({ ...limited, ...room, jobs, sinks, archive, logger, progress, signal, journal })
  } finally {
    progress.stop()
  }
}

export async function withEngine<T>(
  { settings: { spool: parent, memoryBytes }, logger }: Session,
  work: (room: Room) => Promise<T>,
): Promise<T> {
  const folder = await scratchFolder(parent)
  try {
    const engine = await Engine.start({ memoryBytes, folder })
    try {
      return await work({ engine, folder })
    } finally {
      engine.close()
    }
  } finally {
    try {
      removeScratch(folder)
    } catch (error) {
      logger.warn({ err: error }, 'the spool folder cannot be removed')
    }
  }
}
