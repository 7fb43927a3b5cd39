import type { Command } from 'commander'
import type { ExitCode } from '../errors.js'
import { type DayFlags, rangeOfDays, withDays } from './days.js'
import { type RunFlags, withRun } from './options.js'
import type { Survivor } from './survivor.js'

interface BackfillFlags extends RunFlags, DayFlags {
  readonly refetch?: boolean
}

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

async function backfill(flags: BackfillFlags, survivor: Survivor): Promise<ExitCode> {
  const range = rangeOfDays(flags, new Date(), 'backfill')
  const { openSession } = await import('./session.js')
  const { runOnce } = await import('./run.js')
  const { watched } = await import('./watched.js')
  const days = { range, overlapMs: 0, refetch: flags.refetch ?? false }
  const session = await openSession(flags)
  return watched(session, 'backfill', flags, (seen) => runOnce(session, days, flags, survivor, seen))
}
