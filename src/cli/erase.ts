import { type Command, Option } from 'commander'
import { printable } from '../errors.js'
import type { EraseReport } from './erase-run.js'
import { send } from './formats/output.js'
import { collect, type SinkFlags, withSinks } from './options.js'
import { jsonLine } from './terminal.js'

interface EraseFlags extends SinkFlags {
  readonly user?: string[]
  readonly dryRun?: boolean
  readonly output: 'text' | 'json'
}

export function addErase(program: Command): void {
  withSinks(
    program
      .command('erase')
      .description('Clear the names of a person in the sinks, and keep later loads from filling them.'),
    'sink to erase in, repeatable',
  )
    .option(
      '--user <who>',
      'e-mail address, id:USER_ID or name:ENTITY_NAME, repeatable; other users of this machine can see it; without it, people are read from standard input, one per line',
      collect,
    )
    .option('--dry-run', 'only count what would be cleared')
    .addOption(new Option('--output <format>', 'format of the report').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
It needs the privacy key: WANDB_AUDIT_PRIVACY_KEY_FILE or WANDB_AUDIT_PRIVACY_KEY. So does every later load.

Examples:
  $ wandb-audit erase --to duckdb:audit.duckdb --dry-run < person.txt
  $ wandb-audit erase --to duckdb:audit.duckdb < person.txt`,
    )
    .action(async (flags: EraseFlags) => {
      const { closeAll, openSession, openSinks } = await import('./session.js')
      const session = await openSession(flags)
      const { eraseIn, personsFrom } = await import('./erase-run.js')
      const { privacyOf } = await import('./privacy.js')
      const privacy = privacyOf(session)
      const persons = await personsFrom(flags.user, process.stdin)
      const sinks = await openSinks(session)
      const reports = []
      try {
        for (const sink of sinks) reports.push(await eraseIn(sink, persons, privacy, flags.dryRun === true))
      } finally {
        await closeAll(sinks, session)
      }
      const text = flags.output === 'json' ? [jsonLine(reports, process.stdout)] : reports.map(inWords)
      await send(text, process.stdout)
    })
}

function inWords({ sink, cleared, remembered, remains }: EraseReport): string {
  const counts = Object.entries(cleared).map(([what, count]) => `  ${what}: ${count}\n`)
  return [
    `${printable(sink)}: ${remembered ? 'cleared, and remembered for later loads' : 'would clear'}\n`,
    ...(counts.length === 0 ? ['  nothing that names this person\n'] : counts),
    `  What remains there: ${remains}\n`,
    '  What remains elsewhere: archives, exports, backups, other sinks, and W&B itself.\n',
  ].join('')
}
