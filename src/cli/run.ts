/** One run of the pipeline as a command asks for it: `load` and `backfill` differ in their days only. */

import { type ResolvedSettings, requireSources } from '../config/settings.js'
import type { DayRange, Estimate, Sink, Source } from '../contract.js'
import { EXIT, type ExitCode, printable } from '../errors.js'
import { isApi, openSource } from '../extract/index.js'
import { type Job, listPending, run, type Summary } from '../pipeline.js'
import { Engine } from '../transform/engine.js'
import { version } from '../version.js'
import { CONCURRENCY, type RunFlags } from './options.js'
import { openSinks, type Session } from './session.js'
import { openSpool } from './spool.js'

/** A staged batch takes about as much memory as its text; the merge needs as much again. */
const BATCH_SHARE = 0.25

/** A right that is missing fails every object of a bucket in the same way. */
const MOST_TOLD = 20

export interface Days {
  /** How long after its end a UTC day counts as finished, in milliseconds. */
  readonly settleMs: number
  readonly refetch: boolean
  /** The days to ask the API for. */
  range(source: Source, sinks: readonly Sink[]): Promise<DayRange>
  /** The days whose events are wanted of files and buckets. */
  readonly events: DayRange
}

/** Runs once, and writes the summary to stdout. */
export async function runOnce(
  session: Session,
  days: Days,
  flags: Pick<RunFlags, 'dryRun' | 'output'>,
): Promise<ExitCode> {
  const { settings } = session
  const sinks = await openSinks(session)
  const jobs: Job[] = []
  try {
    for (const address of requireSources(settings)) {
      // Whoever writes there may stay silent for ever.
      if (address === '-') session.signal.addEventListener('abort', () => process.stdin.destroy(), { once: true })
      jobs.push(await openJob(address, sinks, days, settings))
    }
    if (flags.dryRun === true) return await dryRun(session, jobs, sinks, flags.output)
    const summary = await runPipeline(session, jobs, sinks)
    writeSummary(summary, flags.output, settings.quiet ?? false)
    return outcome(summary, session)
  } finally {
    for (const { close } of [...jobs.map(({ source }) => source), ...sinks]) await close()
  }
}

async function openJob(address: string, sinks: readonly Sink[], days: Days, settings: ResolvedSettings): Promise<Job> {
  const { settleMs, refetch } = days
  const { username, anonymize = false, api: dialect, concurrency = CONCURRENCY } = settings
  const insecureHttp = settings.insecure_http ?? false
  const source = await openSource(address, { username, anonymize, dialect, insecureHttp, settleMs, concurrency })
  return { source, refetch, range: isApi(address) ? await days.range(source, sinks) : days.events }
}

async function runPipeline(session: Session, jobs: readonly Job[], sinks: readonly Sink[]): Promise<Summary> {
  const { settings, logger, progress, signal } = session
  const { memoryBytes, limits, max_rejects: maxRejects } = settings
  const spool = await openSpool(settings.spool)
  try {
    const { folder } = spool
    const engine = await Engine.start({ memoryBytes, folder })
    try {
      const batchBytes = memoryBytes * BATCH_SHARE
      const loaderVersion = version()
      const settled = { batchBytes, limits, maxRejects, loaderVersion }
      return await run({ ...settled, jobs, sinks, engine, folder, logger, progress, signal })
    } finally {
      progress.stop()
      engine.close()
    }
  } finally {
    await spool.remove()
  }
}

function outcome({ failed, sinks }: Summary, { logger, settings }: Session): ExitCode {
  for (const { error, advice } of failed.slice(0, MOST_TOLD)) {
    logger.error(advice === null ? error : `${error}. ${advice}`)
  }
  if (failed.length > MOST_TOLD) {
    logger.error(`${failed.length - MOST_TOLD} more documents failed; --output json has them all`)
  }
  if (failed.length > 0 || sinks.some(({ error }) => error !== null)) return EXIT.failed
  const most = settings.max_rejects
  const rejected = Math.max(...sinks.map((sink) => sink.rejected))
  if (most === undefined || rejected <= most) return EXIT.done
  logger.error(`${rejected} rejects, more than --max-rejects ${most}: see them with \`wandb-audit rejects\``)
  return EXIT.tooManyRejects
}

function writeSummary(summary: Summary, output: 'text' | 'json', quiet: boolean): void {
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify(summary)}\n`)
    return
  }
  if (quiet) return
  const { documents, skipped, failed, sinks } = summary
  process.stdout.write(`documents: ${documents} loaded, ${skipped} skipped, ${failed.length} failed\n`)
  for (const { sink, error, read, inserted, enriched, unchanged, rejected } of sinks) {
    const counts = `read ${read} = ${inserted} inserted + ${enriched} enriched + ${unchanged} unchanged + ${rejected} rejected`
    process.stdout.write(`${printable(sink)}: ${counts}${error === null ? '' : ` (failed: ${error})`}\n`)
  }
}

/** Lists, one a line, what a run would read; nothing is made or changed. */
async function dryRun(
  { settings, signal }: Session,
  jobs: readonly Job[],
  sinks: readonly Sink[],
  output: 'text' | 'json',
): Promise<ExitCode> {
  const documents = []
  const ranges: (DayRange | null)[] = []
  let skipped = 0
  for (const job of jobs) {
    const pending = await listPending(job, sinks, signal)
    skipped += pending.skipped
    for (const { id, bytes, range } of pending.documents) {
      documents.push({ source: job.source.id, document: id, bytes })
      ranges.push(range)
    }
  }
  const estimates = await estimatesOf(sinks, ranges)
  if (output === 'json') {
    process.stdout.write(
      `${JSON.stringify({ documents, skipped, ...(estimates.length === 0 ? {} : { estimates }) })}\n`,
    )
    return EXIT.done
  }
  for (const { document, bytes } of documents) process.stdout.write(`${bytes ?? '?'}\t${printable(document)}\n`)
  if (settings.quiet === true) return EXIT.done
  process.stderr.write(`would read ${documents.length} documents; ${skipped} are loaded already\n`)
  for (const { sink, jobs, bytes } of estimates) {
    process.stderr.write(
      `${printable(sink)}: ${jobs} jobs a batch, which process at most ${bytes} bytes of what is there\n`,
    )
  }
  return EXIT.done
}

type SinkEstimate = { readonly sink: string } & Estimate

/** What warehouses that charge would be asked for; the days of a file are not known before it is read. */
async function estimatesOf(sinks: readonly Sink[], ranges: readonly (DayRange | null)[]): Promise<SinkEstimate[]> {
  if (ranges.length === 0) return []
  // One by one: there may be more than a call takes arguments.
  const furthest = (end: keyof DayRange, of: (a: number, b: number) => number): number =>
    ranges.map((range) => range?.[end]?.getTime() ?? Number.NaN).reduce((a, b) => of(a, b))
  const [from, to] = [furthest('from', Math.min), furthest('to', Math.max)]
  const range = { from: Number.isNaN(from) ? null : new Date(from), to: Number.isNaN(to) ? null : new Date(to) }
  const estimates = []
  for (const sink of sinks) {
    if (sink.estimate !== undefined) estimates.push({ sink: sink.id, ...(await sink.estimate(range)) })
  }
  return estimates
}
