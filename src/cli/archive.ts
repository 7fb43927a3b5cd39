import { type Command, Option } from 'commander'
import { plural } from '../../schemas/words.js'
import type { LockReport } from '../archive/check.js'
import { EXIT, type ExitCode, printable, usageError } from '../errors.js'
import { send } from './formats/output.js'
import { type CommonFlags, withCommon } from './options.js'
import { jsonLine } from './terminal.js'

interface CheckFlags extends CommonFlags {
  readonly output: 'text' | 'json'
}

export function addArchive(program: Command): void {
  const archive = program.command('archive').description('Look after the archive that `load --archive` keeps.')
  withCommon(archive.command('check').description('Say until when nobody can delete what is archived.'))
    .argument('[address]', 'the archive (default: that of the settings)')
    .addOption(new Option('--output <format>', 'format of the output').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Exit codes: 0 every object is locked, 5 the archive is empty, or some objects can be deleted.

Examples:
  $ wandb-audit archive check s3://my-audit-archive`,
    )
    .action(async (address: string | undefined, flags: CheckFlags) => {
      process.exitCode = await check(address, flags)
    })
}

async function check(named: string | undefined, flags: CheckFlags): Promise<ExitCode> {
  const { closeAll, openSession } = await import('./session.js')
  const session = await openSession(flags)
  const address = named ?? session.settings.archive
  if (address === undefined) throw usageError('no archive is named', 'For example archive check s3://my-audit-archive.')
  const { openPlace } = await import('../archive/archive.js')
  const { checkLocks } = await import('../archive/check.js')
  const place = await openPlace(address)
  try {
    const report = await checkLocks(place, new Date(), session.signal)
    const text = flags.output === 'json' ? jsonLine({ archive: place.id, ...report }, process.stdout) : inWords(report)
    await send([text], process.stdout)
    return report.objects > 0 && report.unlocked === 0 ? EXIT.done : EXIT.unlocked
  } finally {
    await closeAll([place.store], session)
  }
}

function inWords({ objects, unlocked, example, until }: LockReport): string {
  if (objects === 0) return 'the archive is empty\n'
  const locked = objects - unlocked
  const others =
    until === null
      ? ''
      : `${plural(locked, 'object')} ${locked === 1 ? 'is' : 'are'} locked; the first lock ends at ${until.toISOString()}\n`
  return unlocked === 0
    ? others
    : `${others}${plural(unlocked, 'object')} can be deleted, for example ${printable(example ?? '')}\n`
}
