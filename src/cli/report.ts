import type { Command } from 'commander'
import type { Span } from '../../schemas/day-digest.js'
import { type DayFlags, rangeOfDays, withDays } from './days.js'
import { type SinkFlags, withSinks } from './options.js'

export interface ReportFlags extends SinkFlags, DayFlags {
  readonly output: string
  readonly mask?: boolean
}

const DAYS = 30
const DAY_MS = 86_400_000

export function addReport(program: Command): void {
  const command = withSinks(
    program.command('report').description('Write a report as one HTML page that needs no network and no scripts.'),
    'sink to query',
  )
  withDays(command, `the last n days and today (default: ${DAYS})`, 'default: today included')
    .option('--output <file>', 'file to write, - for stdout', 'report.html')
    .option('--mask', 'replace names and addresses with labels')
    .addHelpText(
      'after',
      `
Shows which days are covered, what happened on them, what the detections found, and what unusual people and keys did. Only
its owner can read the file (mode 0600), because it contains e-mail addresses; --mask replaces names and addresses, and keeps
ids.

Examples:
  $ wandb-audit report
  $ wandb-audit report --to bigquery://my-project/wandb_audit --days 90 --output audit.html
  $ wandb-audit report --since 2026-10-01 --until 2026-11-01 --mask --output - > october.html`,
    )
    .action(async (flags: ReportFlags) => {
      const now = new Date()
      const range = reportRange(flags, now)
      const { reportOnce } = await import('./report-run.js')
      await reportOnce(flags, range, now)
    })
}

/** Whole UTC days. @throws AuditError, exit code 2, when the flags do not specify a range */
export function reportRange(flags: DayFlags, now: Date): Span {
  const { days, since } = flags
  const { from, to } = rangeOfDays(
    days === undefined && since === undefined ? { ...flags, days: DAYS } : flags,
    now,
    'report',
  )
  const tomorrow = new Date((Math.floor(now.getTime() / DAY_MS) + 1) * DAY_MS)
  return { from: from ?? now, to: to ?? new Date(Math.max(tomorrow.getTime(), (from ?? now).getTime() + DAY_MS)) }
}
