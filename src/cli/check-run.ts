/** One check of the sinks, for the command and after a load. */

import type { Span } from '../../schemas/day-digest.js'
import type { ColumnType, QueryResult, Sink, Value } from '../contract.js'
import { chosenDetections } from '../detections/chosen.js'
import { detect, type Finding } from '../detections/detect.js'
import { isSlack, messages } from '../detections/messages.js'
import { asDetectionFinding } from '../detections/ocsf.js'
import { AuditError, EXIT, type ExitCode, printable } from '../errors.js'
import { version } from '../version.js'
import { openWebhook, type Webhook } from '../webhook.js'
import type { CheckFlags } from './check.js'
import { rendered } from './formats/index.js'
import { send } from './formats/output.js'
import { closeAll, openSinks, type Session } from './session.js'
import { jsonLine } from './terminal.js'

type Reporting = Pick<CheckFlags, 'detection' | 'severity' | 'format' | 'all'>

/** Prints, posts and remembers what is new. @returns 4 if anything was printed */
export async function checkOnce(session: Session, span: Span, flags: Reporting): Promise<ExitCode> {
  const sinks = await openSinks(session)
  const chosen = chosenDetections(session.settings.detections, { ids: flags.detection, severity: flags.severity })
  const webhook = flags.all === true ? null : openAlarm(session)
  const printed = new Set<string>()
  try {
    for (const sink of sinks) {
      const found = await detect(sink, chosen, span)
      const news = flags.all === true ? found : await unreported(sink, found)
      // Several sinks with the same events are one alarm.
      const unprinted = news.filter(({ key }) => !printed.has(key))
      await print(sink, unprinted, flags.format)
      for (const { key } of unprinted) printed.add(key)
      if (flags.all === true) continue
      await post(webhook, session, sink, unprinted)
      await remember(sink, news)
    }
  } finally {
    await closeAll([...sinks, ...(webhook === null ? [] : [webhook])], session)
  }
  return printed.size > 0 ? EXIT.found : EXIT.done
}

/** Null when none is wanted. */
function openAlarm({ settings }: Session): Webhook | null {
  if (settings.webhook === undefined) return null
  return openWebhook(settings.webhook, { what: 'the webhook', option: '--webhook', doing: 'post findings' })
}

async function unreported({ query, questions }: Sink, found: readonly Finding[]): Promise<readonly Finding[]> {
  if (found.length === 0 || questions.reported === undefined) return found
  const known = new Set<string>()
  for await (const [key] of (await query(questions.reported).catch(explained)).rows) known.add(String(key))
  return found.filter(({ key }) => !known.has(key))
}

/** An older version made the tables. */
function explained(error: unknown): never {
  if (!(error instanceof AuditError) || !error.message.includes('audit_findings')) throw error
  throw new AuditError(error.message, {
    advice: 'Load with this version once, which creates audit_findings; or add --all, which remembers nothing.',
    cause: error,
  })
}

async function post(
  webhook: Webhook | null,
  session: Session,
  sink: Sink,
  findings: readonly Finding[],
): Promise<void> {
  if (webhook === null || findings.length === 0) return
  const { webhook: address = '', webhook_form: form = isSlack(address) ? 'slack' : 'json' } = session.settings
  for (const message of messages(form, sink.id, findings)) await webhook.post(message, session.signal)
}

async function remember(sink: Sink, findings: readonly Finding[]): Promise<void> {
  if (findings.length === 0) return
  await sink.report?.(
    findings.map(({ key, detection, severity, at }) => ({
      finding_key: key,
      detection,
      severity,
      started_at: new Date(at),
    })),
  )
}

async function print(sink: Sink, findings: readonly Finding[], format: CheckFlags['format']): Promise<void> {
  if (format === 'ocsf') {
    await send(
      findings.map((finding) => jsonLine(asDetectionFinding(finding, version()), process.stdout)),
      process.stdout,
    )
    return
  }
  if (format === 'table') {
    if (findings.length === 0) return
    await send([`${printable(sink.id)}\n`], process.stdout)
  }
  const result = format === 'table' ? tableOf(findings) : resultOf(findings, ALL_COLUMNS)
  await send(rendered(result, format, process.stdout), process.stdout)
}

type Columns = readonly (readonly [name: keyof Finding, type: ColumnType])[]

const ALL_COLUMNS: Columns = [
  ['severity', 'text'],
  ['detection', 'text'],
  ['title', 'text'],
  ['at', 'timestamp'],
  ['until', 'timestamp'],
  ['actor', 'text'],
  ['actor_email', 'text'],
  ['address', 'text'],
  ['entity', 'text'],
  ['subject', 'text'],
  ['events', 'integer'],
  ['usual', 'integer'],
  ['various', 'integer'],
  ['seconds', 'integer'],
  ['what', 'text'],
  ['key', 'text'],
]

const resultOf = (findings: readonly Finding[], columns: Columns): QueryResult => ({
  columns: columns.map(([name, type]) => ({ name, type })),
  rows: rowsOf(findings.map((finding) => columns.map(([name]) => finding[name]))),
})

/** What fits beside each other: the actor by name, and the address or else what it is about. */
const tableOf = (findings: readonly Finding[]): QueryResult => ({
  columns: ['severity', 'at', 'detection', 'actor', 'about', 'what'].map((name) => ({ name, type: 'text' })),
  rows: rowsOf(
    findings.map(({ severity, at, detection, actor, actor_email, address, entity, subject, what }) => [
      ...[severity, at, detection, actor_email ?? actor],
      ...[address ?? subject ?? entity, what],
    ]),
  ),
})

async function* rowsOf(rows: readonly (readonly Value[])[]): AsyncGenerator<readonly Value[]> {
  yield* rows
}
