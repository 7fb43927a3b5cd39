import type { Command } from 'commander'
import type { Format } from './formats/index.js'
import { send } from './formats/output.js'
import { type SinkFlags, withSinks } from './options.js'
import { ask, formatOption, withResult } from './query.js'

interface RejectFlags extends SinkFlags {
  readonly format: Format
  readonly raw?: boolean
}

/** Reasons of rejects whose raw is base64. */
const IN_BASE64 = ['not_utf8', 'sink_refused']

export function addRejects(program: Command): void {
  withSinks(
    program.command('rejects').description('List the lines that could not become events.'),
    'sink to ask, the first of several',
  )
    .option('--raw', 'write the lines themselves, as they arrived; they may hold e-mail addresses')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Examples:
  $ wandb-audit rejects
  $ wandb-audit rejects --raw > lines.ndjson     mend them, then: wandb-audit load --from lines.ndjson`,
    )
    .action(async (flags: RejectFlags) => {
      const { openSession } = await import('./session.js')
      const session = await openSession(flags)
      if (flags.raw !== true) return ask(session, ({ questions }) => questions.rejects, flags.format)
      await withResult(
        session,
        ({ questions }) => questions.rawRejects,
        ({ rows }) => send(rawLines(rows), process.stdout),
      )
    })
}

async function* rawLines(rows: AsyncIterable<readonly unknown[]>): AsyncGenerator<Uint8Array> {
  for await (const [reason, raw, more] of rows) {
    yield Buffer.from(`${String(raw)}`, IN_BASE64.includes(String(reason)) ? 'base64' : 'utf8')
    if (more !== true) yield Buffer.from('\n')
  }
}
