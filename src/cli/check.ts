import { type Command, Option } from 'commander'
import type { Span } from '../../schemas/day-digest.js'
import { SEVERITIES, type Severity } from '../../schemas/detections/detection.js'
import type { WebhookForm } from '../detections/messages.js'
import { CHECKED_DAYS, lastDays } from '../detections/period.js'
import { type ExitCode, usageError } from '../errors.js'
import { type DayFlags, rangeOfDays, withDays } from './days.js'
import { collect, type SinkFlags, withSinks, withWebhook } from './options.js'
import { undoing } from './signals.js'

export interface CheckFlags extends SinkFlags, DayFlags {
  readonly detection?: string[]
  readonly severity: Severity
  readonly format: 'table' | 'ndjson' | 'ocsf'
  readonly all?: boolean
  readonly webhook?: string
  readonly webhookForm?: WebhookForm
}

export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .description('Search sinks for what looks like an attack or a failure, and report each finding once.')
  withDays(
    withSinks(command, 'sink to check, repeatable'),
    `the last n days and today (default: ${CHECKED_DAYS})`,
    'default: now',
  )
    .option('--detection <id>', 'run only this detection, even if the settings disable it; repeatable', collect)
    .addOption(
      new Option('--severity <severity>', 'the least severity that is reported').choices(SEVERITIES).default('medium'),
    )
    .addOption(
      new Option('--format <format>', 'format of the findings on stdout')
        .choices(['table', 'ndjson', 'ocsf'])
        .default('table'),
    )
    .option('--all', 'print findings that were already reported, too; post and record nothing')
  withWebhook(command)
    .addHelpText(
      'after',
      `
Exits with 4 if it prints a finding, or with 1 if anything failed; the remaining checks still run. A finding is recorded
only after it has been printed and posted, so one that is interrupted is reported again, never lost.

Examples:
  $ wandb-audit check
  $ wandb-audit check --days 30 --severity low --all
  $ wandb-audit check --detection heavy_artifact_reads --format ndjson
  $ WANDB_AUDIT_WEBHOOK=https://hooks.slack.com/services/… wandb-audit check --severity high`,
    )
    .action(async (flags: CheckFlags) => {
      process.exitCode = await check(flags)
    })
}

async function check(flags: CheckFlags): Promise<ExitCode> {
  const span = checkedSpan(flags, new Date())
  const { openSession } = await import('./session.js')
  const { checkOnce } = await import('./check-run.js')
  const session = await openSession(flags)
  return undoing(session.logger, () => checkOnce(session, span, flags))
}

/** @throws AuditError, exit code 2, when the flags do not specify a range */
function checkedSpan(flags: DayFlags, now: Date): Span {
  if (flags.days === undefined && flags.since === undefined && flags.until === undefined) return lastDays(now)
  const { from, to } = rangeOfDays(flags, now, 'check')
  const span = { from: from ?? now, to: to === null || to > now ? now : to }
  if (span.from >= span.to) throw usageError('--since lies in the future', 'Name a day up to today.')
  return span
}
