import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import type { Span } from '../../schemas/day-digest.js'
import { withoutLogin } from '../address.js'
import { requireSources } from '../config/settings.js'
import type { Sink } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import { EXIT, type ExitCode, usageError } from '../errors.js'
import { Journal, withoutLoads } from '../journal.js'
import type { Job } from '../pipeline.js'
import { Ledger } from '../reconcile/ledger.js'
import { compare, sinkSubject, sourceSubject } from '../reconcile/reconcile.js'
import { type MissingRejects, missingRejects } from '../reconcile/rejects.js'
import { SETTLE_MS } from '../sources/api/days.js'
import { backfillRange, type DayFlags, withDays } from './backfill.js'
import { joined, send } from './formats/output.js'
import { type RunFlags, withSources } from './options.js'
import { inJson, inText, isEqual } from './reconcile-report.js'
import { openJobs, reportDeath, runIn, withEngine } from './run.js'
import { closeAll, openSession, openSinks, type Session } from './session.js'
import { undoing } from './signals.js'
import { outcome } from './summary.js'
import type { Survivor } from './survivor.js'

const HOUR_MS = 3_600_000

type ReconcileFlags = RunFlags & DayFlags

export function addReconcile(program: Command, survivor: Survivor): void {
  const command = withSources(
    program
      .command('reconcile')
      .description('Ask the sources again for past UTC days, and compare them with the sinks. Changes nothing.'),
    'sink to compare, repeatable',
  )
  withDays(command, 'the last n days that have settled, two hours after their end', 'default: those that have settled')
    .addHelpText(
      'after',
      `
Compares counts and digests by day and hour, then the rows of the hours that differ: timestamp and content_hash, so not
names, extra or other columns. Exits with 4 when anything differs. Prints counts and hashes, never values of events.

Examples:
  $ wandb-audit reconcile --days 7 --from https://acme.wandb.io --to duckdb:audit.duckdb
  $ wandb-audit reconcile --days 7 --from https://acme.wandb.io --from s3://my-instance --output json
  $ wandb-audit reconcile --since 2026-01-01 --until 2026-02-01 --from s3://my-instance --to parquet:lake/`,
    )
    .action(async (flags: ReconcileFlags) => {
      process.exitCode = await reconcile(flags, survivor)
    })
}

async function reconcile(flags: ReconcileFlags, survivor: Survivor): Promise<ExitCode> {
  const span = settledSpan(flags, new Date())
  const session = await openSession(flags)
  return undoing(session.logger, () => reconcileOnce(session, span, flags, survivor))
}

/**
 * The days before which two hours have passed since their end, unless `until` says otherwise: in a younger one the sinks
 * may rightly lack events.
 *
 * @throws AuditError, exit code 2, when the flags do not specify a range
 */
export function settledSpan(flags: DayFlags, now: Date): Span {
  const settled = new Date(now.getTime() - SETTLE_MS)
  settled.setUTCHours(0, 0, 0, 0)
  const { from, to } = backfillRange(flags, settled, 'reconcile')
  const span = { from: from ?? settled, to: to ?? settled }
  if (span.from < span.to) return span
  throw usageError('there is no day to compare: none of them has settled', 'A day settles two hours after its end.')
}

async function reconcileOnce(
  session: Session,
  span: Span,
  { output }: Pick<ReconcileFlags, 'output'>,
  { entries, post }: Pick<Survivor, 'entries' | 'post'>,
): Promise<ExitCode> {
  reportDeath(session, entries)
  const sinks = await openSinks(session)
  const sources: { readonly name: string; readonly job: Job; readonly id: string }[] = []
  try {
    for (const address of requireSources(session.settings)) {
      for (const job of await openJobs(address, { range: span, overlapMs: 0, refetch: true }, session)) {
        // Sources of files share an id; here each needs its own.
        const source = { ...job.source, id: `${sources.length} ${job.source.id}` }
        sources.push({ name: withoutLogin(address), id: job.source.id, job: { ...job, source } })
      }
    }
    return await withEngine(session, async (room) => {
      // A sink that cannot answer fails now, before anything is fetched.
      const firstHour = { from: span.from, to: new Date(span.from.getTime() + HOUR_MS) }
      for (const sink of sinks) await sinkSubject(sink.id, sink).hours(room.engine, firstHour, '')
      const ledger = new Ledger(room.folder)
      const journal = new Journal([ledger.id], withoutLoads(entries), post)
      const jobs = sources.map(({ job }) => job)
      const code = outcome(await runIn(room, session, jobs, [ledger], null, journal), session)
      const subjects = [
        ...sources.map(({ name, job }) => sourceSubject(name, ledger, job.source.id)),
        ...sinks.map((sink) => sinkSubject(sink.id, sink)),
      ]
      const salt = randomBytes(16).toString('hex')
      const report = await interruptible(room.engine.connection, session.signal, () =>
        compare(room.engine, subjects, span, salt),
      )
      const isComplete = code === EXIT.done || code === EXIT.tooManyRejects
      const findings = { report, rejects: await rejectsMissing(ledger, sources, sinks), isComplete }
      await send(output === 'json' ? [inJson(findings)] : joined(inText(findings)), process.stdout)
      return code === EXIT.failed || isEqual(findings) ? code : EXIT.differs
    })
  } finally {
    await closeAll([...sources.map(({ job }) => job.source), ...sinks], session)
  }
}

async function rejectsMissing(
  ledger: Ledger,
  sources: readonly { readonly name: string; readonly job: Job; readonly id: string }[],
  sinks: readonly Sink[],
): Promise<MissingRejects[]> {
  const missing = []
  for (const sink of sinks) {
    for (const { name, job, id } of sources) {
      const rejects = ledger.rejects.get(job.source.id) ?? new Map()
      missing.push(...(await missingRejects(sink, name, id, rejects)))
    }
  }
  return missing
}
