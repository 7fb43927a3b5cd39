/** The demo: a first tour of the product on generated data, in one command. */

import { join } from 'node:path'
import { EXIT, type ExitCode } from '../errors.js'
import { writeBucket } from './bucket.js'
import { prepareDemoFolder } from './folder.js'
import { startWandbApi } from './wandb-api.js'

const DAYS = 30
const DAY_MS = 86_400_000
const WORLD = { seed: 1, eventsPerDay: 2000, renamedAt: null }
const KEY = 'local-demo-key'

const QUESTIONS: readonly (readonly [title: string, sql: string])[] = [
  [
    'What happens on each day?',
    'SELECT day, sum(events)::BIGINT AS events, max(actors) AS actors FROM audit_activity_per_day GROUP BY day ORDER BY day DESC LIMIT 7',
  ],
  ['Whose requests are refused most?', 'FROM audit_refused_requests LIMIT 5'],
  ['Who created API keys, last first?', 'FROM audit_api_keys_created ORDER BY created_at DESC LIMIT 5'],
  ['What could not be read, and why?', 'FROM audit_rejects_by_reason'],
]

export interface DemoOptions {
  /** Its demo files are replaced. */
  readonly folder: string
  /** When given, the stand-in of the W&B API keeps running at the end until this resolves. */
  readonly untilStopped: (() => Promise<unknown>) | null
  /** Runs a command, given as in `process.argv`; sets the exit code. */
  run(argv: readonly string[]): Promise<void>
  say(text: string): Promise<unknown>
}

/** Generates logs, loads them twice, and queries them. */
export async function demo({ folder, untilStopped, run, say }: DemoOptions): Promise<ExitCode> {
  // Prints the command as a user would type it, and runs it.
  const runCommand = async (args: readonly string[]): Promise<ExitCode> => {
    await say(`$ wandb-audit ${args.map((arg) => (/[^\w./:-]/.test(arg) ? `"${arg}"` : arg)).join(' ')}`)
    process.exitCode = undefined
    await run(['node', 'wandb-audit', ...args])
    return (process.exitCode as ExitCode | undefined) ?? EXIT.done
  }
  const bucket = join(folder, 'wandb-audit-logs')
  const sink = `duckdb:${join(folder, 'audit.duckdb')}`
  await prepareDemoFolder(folder)
  await say(`Generating ${DAYS} days of logs and starting a local stand-in of the W&B API that serves them with names.`)
  const now = new Date()
  // Yesterday: the newest day that is in the bucket, too.
  const incidentOn = (Math.floor(now.getTime() / DAY_MS) - 1) * DAY_MS
  await writeBucket(bucket, { ...WORLD, incidentOn }, DAYS, now)
  const { seed, eventsPerDay } = WORLD
  const api = await startWandbApi({ seed, eventsPerDay, incidentOn, key: KEY })
  process.env.WANDB_API_KEY = KEY
  try {
    const commands = [
      ['load', '--from', bucket, '--to', sink],
      ['backfill', '--days', String(DAYS), '--from', api.url, '--to', sink],
      ['load', '--from', bucket, '--from', api.url, '--to', sink],
      ...QUESTIONS.map(([, sql]) => ['query', sql, '--to', sink]),
      ['check', '--severity', 'high', '--to', sink],
    ]
    const notes = [
      'The files of the bucket, which contain no names:',
      'The same days from the API: still one row per event, and the names are filled in (enriched).',
      'Both again: nothing doubles.',
      ...QUESTIONS.map(([title]) => title),
      'What looks like an attack? Each finding is reported once, and the command exits with 4:',
    ]
    for (const [i, command] of commands.entries()) {
      await say(`\n${notes[i]}`)
      const code = await runCommand(command)
      if (code !== EXIT.done && code !== EXIT.found) return code
    }
    await say(
      `\nSomeone guessed a password last night, created a key and read all they could: docs/incident-day.md continues the story.`,
    )
    await say(`\nThe tables are in ${join(folder, 'audit.duckdb')}: open them with any DuckDB, or query them with`)
    await say(`  bin/wandb-audit query "FROM audit_events LIMIT 5" --to ${sink}`)
    if (untilStopped !== null) {
      await say(`\nThe stand-in keeps running until Ctrl-C. To use it from another terminal:`)
      await say(`  export WANDB_API_KEY=${KEY}`)
      await say(`  bin/wandb-audit backfill --days 7 --from ${api.url} --to duckdb:try.duckdb`)
      await untilStopped()
    }
    return EXIT.done
  } finally {
    await api.close()
  }
}
