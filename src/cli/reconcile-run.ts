/** One comparison of sources and sinks, for the command. */

import { randomBytes } from 'node:crypto'
import type { Span } from '../../schemas/day-digest.js'
import { withoutLogin } from '../address.js'
import { requireSources } from '../config/settings.js'
import type { Sink } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import { EXIT, type ExitCode, printable } from '../errors.js'
import { Journal, withoutLoads } from '../journal.js'
import type { Job } from '../pipeline.js'
import { Ledger } from '../reconcile/ledger.js'
import { compare, sinkSubject, sourceSubject } from '../reconcile/reconcile.js'
import { type MissingRejects, missingRejects } from '../reconcile/rejects.js'
import { joined, send } from './formats/output.js'
import type { RunFlags } from './options.js'
import { inJson, inText, isEqual } from './reconcile-report.js'
import { openJobs, reportDeath, runIn, withEngine } from './run.js'
import { closeAll, openSinks, type Session } from './session.js'
import { outcome } from './summary.js'
import type { Survivor } from './survivor.js'

const HOUR_MS = 3_600_000

export async function reconcileOnce(
  session: Session,
  span: Span,
  { output }: Pick<RunFlags, 'output'>,
  { entries, post }: Pick<Survivor, 'entries' | 'post'>,
): Promise<ExitCode> {
  reportDeath(session, entries)
  const sinks = await openSinks(session)
  const sources: { readonly name: string; readonly job: Job; readonly id: string }[] = []
  try {
    for (const address of requireSources(session.settings)) {
      const jobs = await openJobs(address, { range: span, overlapMs: 0, refetch: true }, session)
      for (const job of jobs) {
        // Sources of files share an id; here each needs its own.
        const source = { ...job.source, id: `${sources.length} ${job.source.id}` }
        // An archive holds the documents of several sources.
        const name = withoutLogin(address) + (jobs.length > 1 ? ` (${printable(job.source.id)})` : '')
        sources.push({ name, id: job.source.id, job: { ...job, source } })
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
