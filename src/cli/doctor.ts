import { type Command, Option } from 'commander'
import type { ExitCode } from '../errors.js'
import { type SinkFlags, withSinks, withSource } from './options.js'

export interface DoctorFlags extends SinkFlags {
  readonly from?: string[]
  readonly archive?: string
  readonly probe?: boolean
  readonly output: 'text' | 'json'
}

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('Check settings, logins, rights, clocks, sources, sinks and the archive, and say what to do.')
  withSinks(withSource(command), 'sink to check, repeatable')
    .option('--archive <address>', 'archive to check')
    .option('--spool <folder>', "folder for temporary files (default: the user's cache folder)")
    .option('--probe', 'also write test objects, and remove them, to prove what loads rely on')
    .addOption(new Option('--output <format>', 'format of the report').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Without --probe nothing is written anywhere. The report has no key, no e-mail address and no value of a record, so it can
be attached to a bug report.

Exit codes: 0 no failure, though there may be warnings; 1 something failed.

Examples:
  $ wandb-audit doctor --from https://acme.wandb.io
  $ wandb-audit doctor --from s3://my-instance --to bigquery://my-project/wandb_audit --probe
  $ wandb-audit doctor --output json > doctor.json`,
    )
    .action(async (flags: DoctorFlags) => {
      process.exitCode = await doctor(flags)
    })
}

async function doctor(flags: DoctorFlags): Promise<ExitCode> {
  const { doctorOnce } = await import('./doctor-run.js')
  return doctorOnce(flags)
}
