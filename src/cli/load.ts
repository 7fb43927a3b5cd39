import type { Command } from 'commander'
import { AuditError, EXIT, type ExitCode } from '../errors.js'
import { OVERLAP, type RunFlags, withRun, withWebhook } from './options.js'
import type { Days } from './run.js'
import type { Survivor } from './survivor.js'

export function addLoad(program: Command, survivor: Survivor): void {
  withWebhook(withRun(program.command('load').description('Load everything new from the sources into the sinks.')))
    .option('--check', 'then check the sinks, as `wandb-audit check` does, even if the load failed')
    .option('--overlap <duration>', `W&B API: how far to reach back for late events (default: ${OVERLAP})`)
    .option('--every <duration>', 'keep running, and load again after this long, for example 10m')
    .addHelpText(
      'after',
      `
Examples:
  $ wandb-audit load --from ./wandb-audit-logs
  $ wandb-audit load --from 'logs/2026-*.ndjson.gz' --to duckdb:audit.duckdb
  $ wandb-audit load --from s3://my-instance --to bigquery://my-project/wandb_audit
  $ WANDB_API_KEY=… wandb-audit load --from https://acme.wandb.io --every 10m
  $ wandb-audit load --from ./wandb-audit-logs --dry-run`,
    )
    .action(async (flags: RunFlags) => {
      process.exitCode = await load(flags, survivor)
    })
}

async function load(flags: RunFlags, survivor: Survivor): Promise<ExitCode> {
  const { openSession } = await import('./session.js')
  const session = await openSession(flags)
  const { runOnce } = await import('./run.js')
  const { watched } = await import('./watched.js')
  const { parseDuration } = await import('../../schemas/units.js')
  const days: Days = { range: null, overlapMs: parseDuration(session.settings.overlap ?? OVERLAP), refetch: false }
  const { every } = session.settings
  if (every === undefined)
    return watched(session, 'load', flags, (seen) => runOnce(session, days, flags, survivor, seen))
  await survivor.repeatEvery(parseDuration(every))
  try {
    return await watched(session, 'load', flags, (seen) => runOnce(session, days, flags, survivor, seen))
  } catch (error) {
    if (error instanceof AuditError && error.exitCode !== EXIT.failed) throw error
    session.logger.error({ err: error })
    return EXIT.failed
  }
}
