import { type Command, Option } from 'commander'
import { parseDuration } from '../../schemas/units.js'
import type { NewSeal } from '../archive/sealing.js'
import { EXIT, type ExitCode, printable, usageError } from '../errors.js'
import { send } from './formats/output.js'
import { type CommonFlags, withCommon } from './options.js'
import { undoing } from './signals.js'
import type { Survivor } from './survivor.js'
import { jsonLine } from './terminal.js'

interface SealFlags extends CommonFlags {
  readonly retain?: string
  readonly memory?: string
  readonly spool?: string
  readonly output: 'text' | 'json'
}

export function addSeal(program: Command, survivor: Survivor): void {
  withCommon(program.command('seal').description('Seal what is archived of finished UTC days and not sealed yet.'))
    .argument('[address]', 'the archive (default: that of the settings)')
    .option('--retain <duration>', 'lock the seals for this long, for example 6y')
    .option('--memory <size>', 'memory limit (default: 1GB)')
    .option('--spool <folder>', "folder for temporary files (default: the user's cache folder)")
    .addOption(new Option('--output <format>', 'format of the output').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
A load with --archive seals the days it touched and the last ones. This lists the whole archive.

Examples:
  $ wandb-audit seal s3://my-audit-archive --retain 6y`,
    )
    .action(async (address: string | undefined, flags: SealFlags) => {
      process.exitCode = await seal(address, flags, survivor)
    })
}

async function seal(named: string | undefined, flags: SealFlags, survivor: Survivor): Promise<ExitCode> {
  const { closeAll, openSession } = await import('./session.js')
  const session = await openSession(flags)
  const { archive, retain } = session.settings
  const address = named ?? archive
  if (address === undefined) throw usageError('no archive is named', 'For example seal s3://my-audit-archive.')
  const { openPlace, requireLocks } = await import('../archive/archive.js')
  const { sealAll } = await import('../archive/unsealed.js')
  const { withEngine } = await import('./run.js')
  const { sealingIn } = await import('./sealing.js')
  const place = await openPlace(address)
  const retainMs = retain === undefined ? null : parseDuration(retain)
  return undoing(session.logger, async () => {
    const seals: NewSeal[] = []
    let failed = 0
    try {
      requireLocks(place, retainMs)
      await withEngine(session, (room) =>
        sealAll(
          sealingIn(room, place, retainMs, session, survivor, (each) => seals.push(each)),
          (error) => {
            failed++
            session.logger.error({ err: error })
          },
        ),
      )
    } finally {
      await closeAll([place.store], session)
    }
    const text =
      flags.output === 'json'
        ? jsonLine({ archive: place.id, seals, failed }, process.stdout)
        : `${printable(place.id)}: ${seals.length} seals written${failed === 0 ? '' : `, ${failed} failed`}\n`
    await send([text], process.stdout)
    return failed === 0 ? EXIT.done : EXIT.failed
  })
}
