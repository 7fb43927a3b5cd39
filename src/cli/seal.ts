import { type Command, Option } from 'commander'
import { parseDuration } from '../../schemas/units.js'
import { plural } from '../../schemas/words.js'
import type { NewSeal } from '../archive/sealing.js'
import { type AuditError, EXIT, type ExitCode, printable, usageError } from '../errors.js'
import { send } from './formats/output.js'
import { type CommonFlags, withCommon, withSeals } from './options.js'
import type { Session } from './session.js'
import { undoing } from './signals.js'
import type { Survivor } from './survivor.js'
import { jsonLine } from './terminal.js'

interface SealFlags extends CommonFlags {
  readonly retain?: string
  readonly publicKey?: boolean
  readonly memory?: string
  readonly spool?: string
  readonly output: 'text' | 'json'
}

export function addSeal(program: Command, survivor: Survivor): void {
  const command = program
    .command('seal')
    .description('Seal archived documents of finished UTC days that are not sealed yet.')
  withSeals(withCommon(command))
    .argument('[address]', 'the archive (default: that of the settings)')
    .option('--retain <duration>', 'lock the seals for this long, for example 6y')
    .option('--public-key', 'only print the public key of --sign-key')
    .option('--memory <size>', 'memory limit (default: 1GB)')
    .option('--spool <folder>', "folder for temporary files (default: the user's cache folder)")
    .addOption(new Option('--output <format>', 'format of the output').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
A load with --archive seals the days it touched and the last ones. This lists the whole archive.

Examples:
  $ wandb-audit seal s3://my-audit-archive --retain 6y
  $ wandb-audit seal --sign-key seal-key.pem --public-key > seal-public.pem`,
    )
    .action(async (address: string | undefined, flags: SealFlags) => {
      process.exitCode = await seal(address, flags, survivor)
    })
}

async function seal(named: string | undefined, flags: SealFlags, survivor: Survivor): Promise<ExitCode> {
  const { closeAll, openSession } = await import('./session.js')
  const session = await openSession(flags)
  if (flags.publicKey === true) return printPublicKey(session)
  const { archive, retain } = session.settings
  const address = named ?? archive
  if (address === undefined) throw usageError('no archive is named', 'For example seal s3://my-audit-archive.')
  const { openPlace, requireLocks } = await import('../archive/archive.js')
  const { MOST_ERRORS } = await import('../archive/some-errors.js')
  const { sealAll } = await import('../archive/unsealed.js')
  const { withEngine } = await import('./run.js')
  const { openMarks, sealingIn } = await import('./sealing.js')
  const marks = await openMarks(session, address)
  const place = await openPlace(address)
  const retainMs = retain === undefined ? null : parseDuration(retain)
  return undoing(session.logger, async () => {
    const seals: NewSeal[] = []
    let failed = 0
    const onError = (error: AuditError): void => {
      failed++
      if (failed <= MOST_ERRORS) session.logger.error({ err: error })
    }
    try {
      requireLocks(place, retainMs)
      await withEngine(session, (room) =>
        sealAll(
          sealingIn(room, { place, retainMs, marks, noted: null }, session, survivor, {
            onSealed: (each) => seals.push(each),
            onError,
          }),
          onError,
        ),
      )
    } finally {
      if (failed > MOST_ERRORS) session.logger.error(plural(failed - MOST_ERRORS, 'more error'))
      await closeAll([place.store, marks], session)
    }
    const text =
      flags.output === 'json'
        ? jsonLine({ archive: place.id, seals, failed }, process.stdout)
        : `${printable(place.id)}: ${plural(seals.length, 'seal')} written${failed === 0 ? '' : `, ${failed} failed`}\n`
    await send([text], process.stdout)
    return failed === 0 ? EXIT.done : EXIT.failed
  })
}

async function printPublicKey({ settings, logger }: Session): Promise<ExitCode> {
  const { publicPem, signingKey } = await import('./keys.js')
  const key = signingKey(settings.sign_key, process.env, (text) => logger.warn(text))
  if (key === null) throw usageError('there is no key', 'Name its file with --sign-key.')
  await send([publicPem(key)], process.stdout)
  return EXIT.done
}
