import { type Command, Option } from 'commander'
import type { QueryResult, Sink } from '../contract.js'
import { usageError } from '../errors.js'
import type { Format } from './formats/index.js'
import { type SinkFlags, withSinks } from './options.js'

export interface ResultFlags extends SinkFlags {
  readonly format: Format
  readonly csvSafe?: boolean
  readonly rawOutput?: boolean
}

const BINARY: readonly Format[] = ['parquet', 'arrow']

/** The options of commands that write rows. */
export const withResultOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--format <format>', 'format of the rows on stdout')
        .choices(['table', 'json', 'ndjson', 'csv', 'parquet', 'arrow'])
        .default('table'),
    )
    .option('--csv-safe', "csv: put a ' before texts that a spreadsheet would take for a formula")
    .option('--raw-output', 'write control characters to a terminal unescaped')

export function addQuery(program: Command): void {
  const command = withSinks(
    program.command('query').description('Query a sink in its own SQL; nothing can be changed.'),
    'sink to query; of several, the first',
  ).argument('<sql>', 'one statement, in quotes')
  withResultOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ wandb-audit query "SELECT action, count(*) AS events FROM audit_events GROUP BY action ORDER BY events DESC"
  $ wandb-audit query "FROM audit_activity_per_day" --format csv > activity.csv
  $ wandb-audit query "SELECT count(*) FROM audit_events" --to parquet:lake/
  $ wandb-audit query "FROM audit_events" --format parquet > events.parquet`,
    )
    .action(async (sql: string, flags: ResultFlags) => {
      await ask(flags, () => sql)
    })
}

/** Queries the first sink and writes the result to stdout. */
export async function ask(flags: ResultFlags, sqlFor: (sink: Sink) => string): Promise<void> {
  const { format, csvSafe = false, rawOutput = false } = flags
  if (csvSafe && format !== 'csv') throw usageError('--csv-safe needs --format csv')
  if (process.stdout.isTTY && BINARY.includes(format) && !rawOutput)
    throw usageError(
      `${format} is not for a terminal`,
      `Redirect it to a file, as in: wandb-audit query … --format ${format} > result`,
    )
  const { writeResult } = await import('./formats/index.js')
  await withResult(flags, sqlFor, (result) => writeResult(result, format, process.stdout, { csvSafe, rawOutput }))
}

export async function withResult<T>(
  flags: SinkFlags,
  sqlFor: (sink: Sink) => string,
  use: (result: QueryResult) => Promise<T>,
): Promise<T> {
  const { closeAll, openSession, openSinks } = await import('./session.js')
  const session = await openSession(flags)
  const sinks = await openSinks(session)
  try {
    const [sink] = sinks
    if (sink === undefined) throw new Error('the settings name at least one sink')
    return await use(await sink.query(sqlFor(sink)))
  } finally {
    await closeAll(sinks, session)
  }
}
