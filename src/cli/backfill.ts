import type { Command } from 'commander'
import type { DayRange } from '../contract.js'
import { type ExitCode, usageError } from '../errors.js'
import { type RunFlags, wholeNumber, withRun } from './options.js'
import { undoing } from './signals.js'
import type { Survivor } from './survivor.js'

export interface DayFlags {
  readonly days?: number
  readonly since?: string
  readonly until?: string
}

interface BackfillFlags extends RunFlags, DayFlags {
  readonly refetch?: boolean
}

const DAY_MS = 86_400_000

/** No W&B server is this old; a larger number is a typing error that would cost a request for each day. */
const MOST_DAYS = 10_000

export function addBackfill(program: Command, survivor: Survivor): void {
  const command = program
    .command('backfill')
    .description('Load the events of past UTC days, from the W&B API oldest first.')
  withDays(withRun(command), 'the last n days and today', 'default: until now')
    .option('--refetch', 'fetch days again that are loaded and finished')
    .addHelpText(
      'after',
      `
A day is finished, and not fetched again, once it was fetched after it had settled, two hours after its end. After an
interruption run the same command again. Ranges can be split and loaded in parallel.

Examples:
  $ wandb-audit backfill --days 30 --from https://acme.wandb.io
  $ wandb-audit backfill --since 2026-01-01 --until 2026-02-01 --from https://acme.wandb.io`,
    )
    .action(async (flags: BackfillFlags) => {
      process.exitCode = await backfill(flags, survivor)
    })
}

/** @param last what --days means, and `end` what holds without --until, for the help */
export const withDays = (command: Command, last: string, end: string): Command =>
  command
    .option('--days <n>', last, wholeNumber)
    .option('--since <day>', 'from this UTC day on, YYYY-MM-DD')
    .option('--until <day>', `up to this UTC day, exclusive; ${end}`)

async function backfill(flags: BackfillFlags, survivor: Survivor): Promise<ExitCode> {
  const range = backfillRange(flags, new Date())
  const { openSession } = await import('./session.js')
  const { runOnce } = await import('./run.js')
  const days = { range, overlapMs: 0, refetch: flags.refetch ?? false }
  const session = await openSession(flags)
  return undoing(session.logger, () => runOnce(session, days, flags, survivor))
}

/** @throws AuditError, exit code 2, when the flags do not specify a range */
export function backfillRange({ days, since, until }: DayFlags, now: Date, command = 'backfill'): DayRange {
  if ((days === undefined) === (since === undefined)) {
    throw usageError(`${command} needs either --days or --since`, 'For example --days 30, or --since 2026-01-01.')
  }
  if (days !== undefined && days > MOST_DAYS) throw usageError(`--days is more than ${MOST_DAYS}`)
  const to = until === undefined ? null : dayFrom(until, '--until')
  const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS
  const from = since === undefined ? new Date(today - (days ?? 0) * DAY_MS) : dayFrom(since, '--since')
  const daysAgo = (today - from.getTime()) / DAY_MS
  if (daysAgo > MOST_DAYS) throw usageError(`--since is more than ${MOST_DAYS} days ago`)
  // Allows one day, because the server's clock may be ahead of this machine's.
  if (daysAgo < -1) throw usageError('--since lies in the future, so there is no day to fetch')
  if (to !== null && to <= from) throw usageError('--until is not after the first day, so there is no day to fetch')
  return { from, to }
}

function dayFrom(text: string, flag: string): Date {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : new Date(Number.NaN)
  if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(text)) {
    throw usageError(`${flag} is not a day`, 'Write it as YYYY-MM-DD; days are UTC.')
  }
  return day
}
