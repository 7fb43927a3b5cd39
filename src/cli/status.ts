import { type Command, Option } from 'commander'
import { RECORD_FIELDS } from '../../schemas/tables.js'
import type { QueryResult, Sink, Value } from '../contract.js'
import { type SinkFlags, wholeNumber, withSinks } from './options.js'

interface StatusFlags extends SinkFlags {
  readonly days: number
  readonly output: 'text' | 'json'
}

/** Each part of the status: its title, and what it asks the sink. */
const PARTS = (days: number): Readonly<Record<string, { title: string; sql: string }>> => ({
  sources: {
    title: 'Sources',
    sql: `
      SELECT source, count(DISTINCT document) AS documents, max(loaded_at) AS last_load, min(range_from) AS earliest,
        max(range_to) AS latest
      FROM audit_documents GROUP BY source ORDER BY source`,
  },
  days: {
    title: `Events by UTC day, and rejects by the day they were loaded, of the last ${days} days there are`,
    sql: `
      WITH documents AS (SELECT document, min(source) AS source FROM audit_documents GROUP BY document),
      counted AS (
        SELECT source_document, ("timestamp" AT TIME ZONE 'UTC')::DATE AS day, count(*) AS events, 0 AS rejects
        FROM audit_events GROUP BY ALL
        UNION ALL
        SELECT source_document, (loaded_at AT TIME ZONE 'UTC')::DATE AS day, 0 AS events, count(*) AS rejects
        FROM audit_rejects GROUP BY ALL
      ),
      latest AS (SELECT DISTINCT day FROM counted ORDER BY day DESC LIMIT ${days})
      SELECT day, coalesce(source, '(receipt deleted)') AS source, sum(events)::BIGINT AS events, sum(rejects)::BIGINT AS rejects
      FROM counted SEMI JOIN latest USING (day) LEFT JOIN documents ON document = source_document
      GROUP BY ALL ORDER BY day, source`,
  },
  unknown_actions: {
    title: 'Actions that W&B does not document',
    sql: `
      SELECT action, count(*) AS events, max("timestamp") AS last_seen
      FROM audit_events ANTI JOIN audit_actions USING (action) GROUP BY action ORDER BY events DESC, action`,
  },
  unknown_keys: {
    title: 'Keys that W&B does not document, kept in extra',
    sql: `
      SELECT key, count(*) AS events, max("timestamp") AS last_seen
      FROM (SELECT "timestamp", unnest(json_keys(extra)) AS key FROM audit_events WHERE extra IS NOT NULL)
      WHERE key NOT IN (${RECORD_FIELDS.map((field) => `'${field}'`).join(', ')})
      GROUP BY key ORDER BY events DESC, key`,
  },
})

export function addStatus(program: Command): void {
  withSinks(
    program.command('status').description('Show what each sink holds, day by day, and what looks odd.'),
    'sink to ask',
  )
    .option('--days <n>', 'how many days to show', wholeNumber, 14)
    .addOption(new Option('--output <format>', 'how it is written').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExamples:\n  $ wandb-audit status\n  $ wandb-audit status --days 90 --output json')
    .action(async (flags: StatusFlags) => {
      const { openSession, openSinks } = await import('./session.js')
      const session = await openSession(flags)
      const sinks = await openSinks(session)
      try {
        if (flags.output === 'json') await writeJson(sinks, flags.days)
        else for (const sink of sinks) await writeText(sink, flags.days)
      } finally {
        for (const { close } of sinks) await close()
      }
    })
}

async function writeText(sink: Sink, days: number): Promise<void> {
  const { writeResult } = await import('./formats/index.js')
  process.stdout.write(`${sink.id}\n`)
  for (const { title, sql } of Object.values(PARTS(days))) {
    const result = await sink.query(sql)
    process.stdout.write(`\n${title}\n`)
    await writeResult(result, 'table', process.stdout)
  }
}

async function writeJson(sinks: readonly Sink[], days: number): Promise<void> {
  const status = []
  for (const sink of sinks) {
    const parts: Record<string, unknown> = { sink: sink.id }
    for (const [name, { sql }] of Object.entries(PARTS(days))) parts[name] = await objects(await sink.query(sql))
    status.push(parts)
  }
  process.stdout.write(`${JSON.stringify(status, plainNumbers)}\n`)
}

async function objects({ columns, rows }: QueryResult): Promise<Record<string, Value>[]> {
  const all = []
  for await (const row of rows) all.push(Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null])))
  return all
}

/** Counts are far below 2^53. */
const plainNumbers = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value)
