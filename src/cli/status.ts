import { type Command, Option } from 'commander'
import type { QueryResult, Sink, Value } from '../contract.js'
import { printable } from '../errors.js'
import { type SinkFlags, wholeNumber, withSinks } from './options.js'
import { writeJson } from './terminal.js'

interface StatusFlags extends SinkFlags {
  readonly days: number
  readonly output: 'text' | 'json'
}

export function addStatus(program: Command): void {
  withSinks(
    program.command('status').description('Show what each sink holds, day by day, and what looks odd.'),
    'sink to ask, repeatable',
  )
    .option('--days <n>', 'how many days to show', wholeNumber, 14)
    .addOption(new Option('--output <format>', 'how it is written').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExamples:\n  $ wandb-audit status\n  $ wandb-audit status --days 90 --output json')
    .action(async (flags: StatusFlags) => {
      const { openSession, openSinks } = await import('./session.js')
      const session = await openSession(flags)
      const sinks = await openSinks(session)
      try {
        if (flags.output === 'json') writeJson(await statusOf(sinks, flags.days))
        else for (const sink of sinks) await writeText(sink, flags.days)
      } finally {
        for (const { close } of sinks) await close()
      }
    })
}

async function writeText(sink: Sink, days: number): Promise<void> {
  const { writeResult } = await import('./formats/index.js')
  process.stdout.write(`${printable(sink.id)}\n`)
  for (const { title, sql } of sink.questions.status(days)) {
    const result = await sink.query(sql)
    process.stdout.write(`\n${title}\n`)
    await writeResult(result, 'table', process.stdout)
  }
}

async function statusOf(sinks: readonly Sink[], days: number): Promise<unknown[]> {
  const status = []
  for (const sink of sinks) {
    const parts: Record<string, unknown> = { sink: sink.id }
    for (const { name, sql } of sink.questions.status(days)) parts[name] = await objects(await sink.query(sql))
    status.push(parts)
  }
  return status
}

async function objects({ columns, rows }: QueryResult): Promise<Record<string, Value>[]> {
  const all = []
  for await (const row of rows)
    all.push(Object.fromEntries(columns.map(({ name }, i) => [name, plainNumber(row[i] ?? null)])))
  return all
}

/** Counts are far below 2^53. */
const plainNumber = (value: Value): Value => (typeof value === 'bigint' ? Number(value) : value)
