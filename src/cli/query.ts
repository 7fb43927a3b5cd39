import { type Command, Option } from 'commander'
import type { QueryResult, Sink } from '../contract.js'
import type { Format } from './formats/index.js'
import { type SinkFlags, withSinks } from './options.js'
import type { Session } from './session.js'

interface QueryFlags extends SinkFlags {
  readonly format: Format
}

export const formatOption = (): Option =>
  new Option('--format <format>', 'how rows are written to stdout')
    .choices(['table', 'json', 'ndjson', 'csv', 'parquet', 'arrow'])
    .default('table')

export function addQuery(program: Command): void {
  withSinks(
    program.command('query').description('Ask a sink in its own SQL; nothing can be changed.'),
    'sink to ask, the first of several',
  )
    .argument('<sql>', 'one statement, in quotes')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Examples:
  $ wandb-audit query "SELECT action, count(*) AS events FROM audit_events GROUP BY action ORDER BY events DESC"
  $ wandb-audit query "FROM audit_activity_per_day" --format csv > activity.csv
  $ wandb-audit query "SELECT count(*) FROM audit_events" --to parquet:lake/
  $ wandb-audit query "FROM audit_events" --format parquet > events.parquet`,
    )
    .action(async (sql: string, flags: QueryFlags) => {
      const { openSession } = await import('./session.js')
      await ask(await openSession(flags), () => sql, flags.format)
    })
}

/** Writes what the first sink answers to stdout. */
export async function ask(session: Session, sqlFor: (sink: Sink) => string, format: Format): Promise<void> {
  const { writeResult } = await import('./formats/index.js')
  await withResult(session, sqlFor, (result) => writeResult(result, format, process.stdout))
}

export async function withResult<T>(
  session: Session,
  sqlFor: (sink: Sink) => string,
  use: (result: QueryResult) => Promise<T>,
): Promise<T> {
  const { closeAll, openSinks } = await import('./session.js')
  const sinks = await openSinks(session)
  try {
    const [sink] = sinks
    if (sink === undefined) throw new Error('the settings name at least one sink')
    return await use(await sink.query(sqlFor(sink)))
  } finally {
    await closeAll(sinks, session)
  }
}
