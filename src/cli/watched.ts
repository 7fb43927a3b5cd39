/** A run that tells monitors how it ended: metrics in a file, and a ping. Neither makes a load fail. */

import { SEVERITIES, type Severity } from '../../schemas/detections/detection.js'
import type { RunMetrics } from '../alarms/metrics.js'
import type { LoadingSink, Sink } from '../contract.js'
import { AuditError, EXIT, type ExitCode } from '../errors.js'
import type { Summary } from '../journal.js'
import type { Job } from '../pipeline.js'
import type { RunFlags } from './options.js'
import type { Session } from './session.js'
import { undoing } from './signals.js'

/** What a run fills in as it goes. */
export interface Seen {
  summary?: Summary
  newest?: ReadonlyMap<string, Date>
  unfinishedDays?: number | null
  /** New findings that were printed or posted, by severity. */
  findings?: Map<Severity, number>
}

/** How far back the newest event is looked for, so that no warehouse reads its history; an older one is known from the file. */
const LOOK_BACK_MS = 2 * 86_400_000
/** Clocks differ. An event from further ahead has a wrong clock, and says nothing about when the last one arrived. */
const AHEAD_MS = 300_000

/**
 * @throws what `work` throws; AuditError, exit code 2, when the URL of the ping cannot be used
 */
export async function watched(
  session: Session,
  command: RunMetrics['command'],
  flags: Pick<RunFlags, 'dryRun'>,
  work: (seen: Seen) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { logger, settings, signal } = session
  const isWatched = (settings.metrics ?? settings.ping) !== undefined && flags.dryRun !== true
  if (!isWatched) return undoing(logger, () => work({}))
  const { openMonitor } = await import('../alarms/ping.js')
  const monitor = settings.ping === undefined ? null : openMonitor(settings.ping)
  const startedAt = new Date()
  const seen: Seen = {}
  const tell = async (exitCode: ExitCode): Promise<void> => {
    const findings = new Map(SEVERITIES.map((severity) => [severity, seen.findings?.get(severity) ?? 0]))
    // Whoever stopped it knows. But findings it reported will not be reported again, so they are counted.
    const isInterrupted = exitCode === EXIT.interrupted || signal.aborted
    if (settings.metrics !== undefined && (!isInterrupted || (seen.findings?.size ?? 0) > 0)) {
      const { updateMetrics } = await import('../alarms/metrics-file.js')
      const { summary = null, newest = new Map(), unfinishedDays = null } = seen
      const ended = { exitCode: isInterrupted ? EXIT.interrupted : exitCode, endedAt: new Date() }
      const run = { command, ...ended, startedAt, summary, newest, unfinishedDays, findings }
      await onlyWarning(session, async () => updateMetrics(settings.metrics ?? '', run))
    }
    if (isInterrupted) return
    // With findings, everything is loaded.
    const result = exitCode === EXIT.done || exitCode === EXIT.found ? 'success' : 'failure'
    if (monitor !== null) await onlyWarning(session, () => monitor.tell(result, signal))
  }
  return undoing(logger, async () => {
    try {
      const code = await work(seen).catch(async (error: unknown) => {
        await tell(error instanceof AuditError ? error.exitCode : EXIT.failed)
        throw error
      })
      await tell(code)
      return code
    } finally {
      await monitor?.close()
    }
  })
}

/** Asks each sink for its newest event, and counts the days that should be finished. */
export async function inspect(
  seen: Seen,
  jobs: readonly Job[],
  sinks: readonly (Sink | LoadingSink)[],
  session: Session,
): Promise<void> {
  const newest = new Map<string, Date>()
  const failed = new Set(seen.summary?.sinks.filter(({ error }) => error !== null).map(({ sink }) => sink))
  const working = sinks.filter((sink): sink is Sink => !failed.has(sink.id) && 'questions' in sink)
  for (const sink of working) {
    await onlyWarning(session, async () => {
      const event = await newestEvent(sink, LOOK_BACK_MS)
      if (event !== null) newest.set(sink.id, event)
    })
  }
  seen.newest = newest
  const counts: number[] = []
  for (const { source } of jobs) {
    for (const sink of source.unfinishedDays === undefined ? [] : working) {
      await onlyWarning(session, async () => {
        counts.push(source.unfinishedDays?.(await sink.receipts(source.id)) ?? 0)
      })
    }
  }
  seen.unfinishedDays = counts.length === 0 ? null : Math.max(...counts)
}

/** The newest event of the last so many milliseconds; null when there is none. */
export async function newestEvent({ query, questions }: Sink, lookBackMs: number): Promise<Date | null> {
  const now = Date.now()
  const { rows } = await query(
    await questions.newest({ from: new Date(now - lookBackMs), to: new Date(now + AHEAD_MS) }),
  )
  let found: Date | null = null
  // Read to the end: DuckDB keeps the file of an answer that is left before it locked.
  for await (const [newest] of rows) if (typeof newest === 'string') found = new Date(newest)
  return found
}

async function onlyWarning({ logger }: Session, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => {
    if (!(error instanceof AuditError)) throw error
    logger.warn({ err: error })
  })
}
