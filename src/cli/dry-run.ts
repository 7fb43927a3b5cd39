/** `--dry-run`: what a run would read, and what it would cost. */

import { plural } from '../../schemas/words.js'
import type { DayRange, Estimate, LoadingSink } from '../contract.js'
import { EXIT, type ExitCode, printable } from '../errors.js'
import { Journal } from '../journal.js'
import { type Job, listPending } from '../pipeline.js'
import { joined, send } from './formats/output.js'
import type { Session } from './session.js'
import { archivedInWords } from './summary.js'
import { jsonLine } from './terminal.js'

/** Lists what a run would read, one document a line, without creating or changing anything. */
export async function dryRun(
  { settings, signal }: Session,
  jobs: readonly Job[],
  sinks: readonly LoadingSink[],
  output: 'text' | 'json',
): Promise<ExitCode> {
  const documents = []
  const ranges: (DayRange | null)[] = []
  const journal = new Journal()
  const { archived } = journal.summary
  let skipped = 0
  for (const job of jobs) {
    const receipts = []
    for (const sink of sinks) receipts.push(await sink.receipts(job.source.id))
    const pending = await listPending(job, receipts, signal)
    skipped += pending.skipped
    for (const { id, archived = '' } of pending.archived) journal.leaveOut(id, archived)
    for (const { id, bytes, range } of pending.documents) {
      documents.push({ source: job.source.id, document: id, bytes })
      ranges.push(range)
    }
  }
  const estimates = await estimatesOf(sinks, ranges)
  if (output === 'json') {
    await send(
      [jsonLine({ documents, skipped, archived, ...(estimates.length === 0 ? {} : { estimates }) }, process.stdout)],
      process.stdout,
    )
    return EXIT.done
  }
  const lines = documents.map(({ document, bytes }) => `${bytes ?? '?'}\t${printable(document)}\n`)
  await send(joined(lines), process.stdout)
  if (settings.quiet === true) return EXIT.done
  process.stderr.write(`would read ${plural(documents.length, 'document')}; ${skipped} already loaded\n`)
  for (const line of archivedInWords(archived)) process.stderr.write(`${line}\n`)
  for (const { sink, jobs, bytes } of estimates) {
    process.stderr.write(
      `${printable(sink)}: ${plural(jobs, 'job')} a batch, which process at most ${bytes} bytes of what is there\n`,
    )
  }
  return EXIT.done
}

type SinkEstimate = { readonly sink: string } & Estimate

/** Estimates for warehouses that charge. The days of a file are unknown before it is read, so it counts as unbounded. */
async function estimatesOf(
  sinks: readonly LoadingSink[],
  ranges: readonly (DayRange | null)[],
): Promise<SinkEstimate[]> {
  if (ranges.length === 0) return []
  // Reduced one by one: there may be more values than a call accepts arguments.
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
