import { type Command, Option } from 'commander'
import { parseDuration } from '../../schemas/units.js'
import { withoutLogin } from '../address.js'
import type { QueryResult, Question, Sink, Value } from '../contract.js'
import { EXIT, type ExitCode, printable, usageError } from '../errors.js'
import { namedRows, type Row } from '../rows.js'
import { type Conditions, type Finding, findingsOf, parseConditions } from './fail-on.js'
import { Failures } from './failures.js'
import { each, send } from './formats/output.js'
import { OVERLAP, type SinkFlags, wholeNumber, withSinks } from './options.js'
import type { Session } from './session.js'
import { jsonLine } from './terminal.js'

interface StatusFlags extends SinkFlags {
  readonly days: number
  readonly failOn?: Conditions
  readonly output: 'text' | 'json'
}

export function addStatus(program: Command): void {
  withSinks(
    program.command('status').description('Show what each sink holds, day by day, and what looks unusual.'),
    'sink to query, repeatable',
  )
    .option('--days <n>', 'how many days to show', wholeNumber, 14)
    .option('--fail-on <conditions>', 'exit with 4 if one holds: stale=DURATION,gaps,rejects', parseConditions)
    .addOption(new Option('--output <format>', 'format of the output').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Conditions of --fail-on:
  stale=2h  no event is newer than two hours
  gaps      a day has no event, a day of the W&B API was never finished, or events that were loaded are missing
  rejects   there are rejects on the days shown

Examples:
  $ wandb-audit status
  $ wandb-audit status --days 90 --output json
  $ wandb-audit status --fail-on stale=2h,gaps,rejects`,
    )
    .action(async (flags: StatusFlags) => {
      process.exitCode = await status(flags)
    })
}

async function status(flags: StatusFlags): Promise<ExitCode> {
  if (flags.failOn?.gaps === true && flags.days < 2)
    throw usageError('gaps looks at the days before today, and --days 1 shows none', 'Show more days.')
  const { closeAll, openSession, openSinks } = await import('./session.js')
  const session = await openSession(flags)
  // A sink that fails must not hide what is wrong with the others.
  const failures = new Failures(session, 'could not be queried')
  const opened = await openSinks(session, (address, error) => {
    failures.add(withoutLogin(address), error)
    return null
  })
  const sinks = opened.filter((sink) => sink !== null)
  const reports: Report[] = []
  try {
    for (const sink of sinks) {
      try {
        reports.push(await reportOn(sink, flags, session))
      } catch (error) {
        failures.add(sink.id, error)
      }
    }
  } finally {
    await closeAll(sinks, session)
  }
  if (reports.length > 0) await send(flags.output === 'json' ? [json(reports, flags)] : tables(reports), process.stdout)
  for (const { sink, findings } of reports)
    for (const { message } of findings) session.logger.error(`${sink}: ${message}`)
  return failures.code ?? (reports.some(({ findings }) => findings.length > 0) ? EXIT.found : EXIT.done)
}

interface Answer extends Pick<QueryResult, 'columns'> {
  readonly question: Question
  readonly rows: readonly Row[]
}

interface Report {
  readonly sink: string
  readonly answers: readonly Answer[]
  readonly findings: readonly Finding[]
}

async function reportOn(sink: Sink, { days, failOn }: StatusFlags, { settings }: Session): Promise<Report> {
  const answers: Answer[] = []
  for (const question of await sink.questions.status(days)) {
    const result = await sink.query(question.sql)
    answers.push({ question, columns: result.columns, rows: await namedRows(result) })
  }
  if (failOn === undefined) return { sink: sink.id, answers, findings: [] }
  const byName = new Map(answers.map((answer) => [answer.question.name, objects(answer)]))
  const overlapMs = parseDuration(settings.overlap ?? OVERLAP)
  const findings = await findingsOf(sink, failOn, byName, { days, overlapMs, now: new Date() })
  return { sink: sink.id, answers, findings }
}

async function* tables(reports: readonly Report[]): AsyncIterable<string | Uint8Array> {
  const { rendered } = await import('./formats/index.js')
  for (const { sink, answers } of reports) {
    yield `${printable(sink)}\n`
    for (const { question, columns, rows } of answers) {
      yield `\n${question.title}\n`
      const values = rows.map((row) => columns.map(({ name }) => row[name] ?? null))
      yield* rendered({ columns, rows: each(values) }, 'table', process.stdout)
    }
  }
}

function json(reports: readonly Report[], { failOn }: StatusFlags): string {
  const all = reports.map(({ sink, answers, findings }) => ({
    sink,
    ...Object.fromEntries(answers.map((answer) => [answer.question.name, objects(answer)])),
    ...(failOn === undefined ? {} : { findings }),
  }))
  return jsonLine(all, process.stdout)
}

const objects = ({ rows }: Answer): Row[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainNumber(value)])))

/** Counts are far below 2^53. */
const plainNumber = (value: Value): Value => (typeof value === 'bigint' ? Number(value) : value)
