import { type Command, Option } from 'commander'
import { withoutLogin } from '../address.js'
import type { QueryParameters, QueryResult, Sink } from '../contract.js'
import { printable, usageError } from '../errors.js'
import type { Format } from './formats/index.js'
import { type SinkFlags, withSinks } from './options.js'
import { collectParameter, queryText } from './query-text.js'

export interface ResultFlags extends SinkFlags {
  readonly format: Format
  readonly csvSafe?: boolean
  readonly rawOutput?: boolean
}

interface QueryFlags extends ResultFlags {
  readonly file?: string
  readonly param?: QueryParameters
}

const BINARY: readonly Format[] = ['parquet', 'arrow']

/** The options of commands that write rows. */
export const withResultOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--format <format>', 'format of the rows on stdout')
        .choices(['table', 'line', 'markdown', 'json', 'ndjson', 'csv', 'parquet', 'arrow'])
        .default('table'),
    )
    .option('--csv-safe', "csv: put a ' before texts that a spreadsheet would take for a formula")
    .option('--raw-output', 'write control characters to a terminal unescaped')

export function addQuery(program: Command): void {
  const command = withSinks(
    program.command('query').description('Query a sink in its own SQL; nothing can be changed.'),
    'sink to query',
  )
    .argument('[sql]', 'one statement, in quotes; omit it, or pass -, to read standard input')
    .option('-f, --file <file>', 'read the statement from this file')
    .option(
      '--param <name=value>',
      'value of a parameter, repeatable: $name in DuckDB, @name in BigQuery, :name in Redshift',
      collectParameter,
    )
  withResultOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ wandb-audit query "SELECT action, count(*) AS events FROM audit_events GROUP BY action ORDER BY events DESC"
  $ wandb-audit query "FROM audit_activity_per_day" --format csv > activity.csv
  $ wandb-audit query "SELECT count(*) FROM audit_events" --to parquet:lake/
  $ wandb-audit query -f reads.sql --param actor=ada@example.com --format line
  $ wandb-audit query "FROM audit_events" --format parquet > events.parquet`,
    )
    .action(async (argument: string | undefined, flags: QueryFlags) => {
      const sql = await queryText(argument, flags.file)
      await ask(flags, () => sql, flags.param)
    })
}

/** Queries the sink and writes the result to stdout. */
export async function ask(
  flags: ResultFlags,
  sqlFor: (sink: Sink) => string,
  parameters?: QueryParameters,
): Promise<void> {
  const { format, csvSafe = false, rawOutput = false } = flags
  if (csvSafe && format !== 'csv') throw usageError('--csv-safe needs --format csv')
  if (process.stdout.isTTY && BINARY.includes(format) && !rawOutput)
    throw usageError(
      `${format} is not for a terminal`,
      `Redirect it to a file, as in: wandb-audit query … --format ${format} > result`,
    )
  const { writeResult } = await import('./formats/index.js')
  const write = (result: QueryResult): Promise<void> =>
    writeResult(result, format, process.stdout, { csvSafe, rawOutput })
  await withResult(flags, sqlFor, write, parameters)
}

export async function withResult<T>(
  flags: SinkFlags,
  sqlFor: (sink: Sink) => string,
  use: (result: QueryResult) => Promise<T>,
  parameters?: QueryParameters,
): Promise<T> {
  const { closeAll, openSession, openSinks } = await import('./session.js')
  const session = await openSession(flags)
  requireOne(session.settings.to)
  const sinks = await openSinks(session)
  try {
    const [sink] = sinks
    if (sink === undefined) throw new Error('the settings name at least one sink')
    return await use(await sink.query(sqlFor(sink), parameters))
  } finally {
    await closeAll(sinks, session)
  }
}

/** With several sinks, the answer of one could be mistaken for the answer of all. */
export function requireOne(to: readonly string[]): void {
  const sinks = [...new Set(to)]
  if (sinks.length > 1)
    throw usageError(
      `there are several sinks: ${sinks.map((sink) => printable(withoutLogin(sink))).join(', ')}`,
      `Name the one to query with --to, for example --to '${printable(withoutLogin(sinks[0] ?? ''))}'.`,
    )
}
