import { type Command, Option } from 'commander'
import type { QueryResult, Sink, Value } from '../contract.js'
import { printable } from '../errors.js'
import { send } from './formats/output.js'
import { type SinkFlags, wholeNumber, withSinks } from './options.js'
import { jsonLine } from './terminal.js'

interface StatusFlags extends SinkFlags {
  readonly days: number
  readonly output: 'text' | 'json'
}

export function addStatus(program: Command): void {
  withSinks(
    program.command('status').description('Show what each sink holds, day by day, and what looks unusual.'),
    'sink to query, repeatable',
  )
    .option('--days <n>', 'how many days to show', wholeNumber, 14)
    .addOption(new Option('--output <format>', 'format of the output').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExamples:\n  $ wandb-audit status\n  $ wandb-audit status --days 90 --output json')
    .action(async (flags: StatusFlags) => {
      const { closeAll, openSession, openSinks } = await import('./session.js')
      const session = await openSession(flags)
      const sinks = await openSinks(session)
      try {
        const text = flags.output === 'json' ? json(sinks, flags.days) : tables(sinks, flags.days)
        await send(text, process.stdout)
      } finally {
        await closeAll(sinks, session)
      }
    })
}

async function* tables(sinks: readonly Sink[], days: number): AsyncIterable<string | Uint8Array> {
  const { rendered } = await import('./formats/index.js')
  for (const sink of sinks) {
    yield `${printable(sink.id)}\n`
    for (const { title, sql } of await sink.questions.status(days)) {
      yield `\n${title}\n`
      yield* rendered(await sink.query(sql), 'table', process.stdout)
    }
  }
}

async function* json(sinks: readonly Sink[], days: number): AsyncIterable<string> {
  const status = []
  for (const sink of sinks) {
    const parts: Record<string, unknown> = { sink: sink.id }
    for (const { name, sql } of await sink.questions.status(days)) parts[name] = await objects(await sink.query(sql))
    status.push(parts)
  }
  yield jsonLine(status, process.stdout)
}

async function objects({ columns, rows }: QueryResult): Promise<Record<string, Value>[]> {
  const all = []
  for await (const row of rows)
    all.push(Object.fromEntries(columns.map(({ name }, i) => [name, plainNumber(row[i] ?? null)])))
  return all
}

/** Counts are far below 2^53. */
const plainNumber = (value: Value): Value => (typeof value === 'bigint' ? Number(value) : value)
