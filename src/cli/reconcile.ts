import type { Command } from 'commander'
import type { Span } from '../../schemas/day-digest.js'
import { type ExitCode, usageError } from '../errors.js'
import { SETTLE_MS } from '../sources/api/days.js'
import { type DayFlags, rangeOfDays, withDays } from './days.js'
import { type RunFlags, withSources } from './options.js'
import { undoing } from './signals.js'
import type { Survivor } from './survivor.js'

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
  const { openSession } = await import('./session.js')
  const { reconcileOnce } = await import('./reconcile-run.js')
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
  const { from, to } = rangeOfDays(flags, settled, 'reconcile')
  const span = { from: from ?? settled, to: to ?? settled }
  if (span.from < span.to) return span
  throw usageError('there is no day to compare: none of them has settled', 'A day settles two hours after its end.')
}
