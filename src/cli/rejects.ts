import type { Command } from 'commander'
import { escaped } from '../errors.js'
import { send } from './formats/output.js'
import { withSinks } from './options.js'
import { ask, type ResultFlags, withResult, withResultOptions } from './query.js'

interface RejectFlags extends ResultFlags {
  readonly raw?: boolean
}

/** Reasons for which `raw` is base64. */
const IN_BASE64 = ['not_utf8', 'sink_refused']

export function addRejects(program: Command): void {
  const command = withSinks(
    program.command('rejects').description('List the lines that could not become events.'),
    'sink to query',
  ).option('--raw', 'write the lines as they arrived; they may contain e-mail addresses')
  withResultOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ wandb-audit rejects
  $ wandb-audit rejects --raw > lines.ndjson     correct them, then: wandb-audit load --from lines.ndjson`,
    )
    .action(async (flags: RejectFlags) => {
      if (flags.raw !== true) return ask(flags, ({ questions }) => questions.rejects)
      const readable = process.stdout.isTTY && flags.rawOutput !== true
      await withResult(
        flags,
        ({ questions }) => questions.rawRejects,
        ({ rows }) => send(rawLines(rows, readable), process.stdout),
      )
    })
}

/** @param readable for a terminal: escapes the line; bytes that are not text become U+FFFD */
async function* rawLines(rows: AsyncIterable<readonly unknown[]>, readable: boolean): AsyncGenerator<Uint8Array> {
  for await (const [reason, raw, more] of rows) {
    const bytes = Buffer.from(`${String(raw)}`, IN_BASE64.includes(String(reason)) ? 'base64' : 'utf8')
    yield readable ? Buffer.from(escaped(bytes.toString('utf8'))) : bytes
    if (more !== true) yield Buffer.from('\n')
  }
}
