/** One check of the sinks, for the command and after a load. */

import type { Span } from '../../schemas/day-digest.js'
import type { Detection, Severity } from '../../schemas/detections/detection.js'
import { withoutLogin } from '../address.js'
import type { ColumnType, QueryResult, Sink, Value } from '../contract.js'
import { chosenDetections } from '../detections/chosen.js'
import { deliver } from '../detections/deliver.js'
import { askable, detect, type Finding } from '../detections/detect.js'
import { isSlack } from '../detections/messages.js'
import { asDetectionFinding } from '../detections/ocsf.js'
import { AuditError, EXIT, type ExitCode, printable } from '../errors.js'
import { version } from '../version.js'
import { openWebhook, type Webhook } from '../webhook.js'
import type { CheckFlags } from './check.js'
import { rendered } from './formats/index.js'
import { send } from './formats/output.js'
import { closeAll, openSinks, type Session } from './session.js'
import { jsonLine } from './terminal.js'

/** A finding may have been reported with an earlier beginning, but not with one much earlier. */
const REPORTED_EARLIER_MS = 7 * 86_400_000

type Reporting = Pick<CheckFlags, 'detection' | 'severity' | 'format' | 'all'>

/**
 * Prints, posts and remembers what is new. What fails is logged, and does not keep the other sinks and detections from being
 * checked.
 *
 * @param counts the findings that were printed are added to it, also if the check fails later
 * @returns 4 if anything was printed; 1 if anything failed; 2 if only settings or logins were wrong
 * @throws AuditError, exit code 2, when no sink can be asked, and when the webhook cannot be used; when it is interrupted
 */
export async function checkOnce(
  session: Session,
  span: Span,
  flags: Reporting,
  counts: Map<Severity, number> = new Map(),
): Promise<ExitCode> {
  const chosen = chosenDetections(session.settings.detections, { ids: flags.detection, severity: flags.severity })
  const webhook = flags.all === true ? null : openAlarm(session)
  const failures = new Failures(session)
  const opened = await openSinks(session, (address, error) => {
    failures.add(withoutLogin(address), error)
    return null
  })
  const sinks = opened.filter((sink) => sink !== null)
  const seen: Seen = { printed: new Set(), taken: new Set() }
  try {
    const onLeftOut = (why: string) => session.logger.info(why)
    for (const sink of askable(sinks, onLeftOut, failures.code !== null)) {
      const onFailed = (detection: Detection, error: unknown) => failures.add(`${sink.id}: ${detection.id}`, error)
      try {
        const found = await detect(sink, chosen, span, onFailed)
        await reportNews({ session, sink, webhook, seen, flags, counts }, found)
      } catch (error) {
        failures.add(sink.id, error)
      }
    }
  } finally {
    await closeAll([...sinks, ...(webhook === null ? [] : [webhook])], session)
  }
  return failures.code ?? (seen.printed.size > 0 ? EXIT.found : EXIT.done)
}

/** What went wrong in a check that went on. */
class Failures {
  private readonly codes: ExitCode[] = []
  private readonly session: Session

  constructor(session: Session) {
    this.session = session
  }

  /** Null while nothing has failed. */
  get code(): ExitCode | null {
    return this.codes.includes(EXIT.failed) ? EXIT.failed : (this.codes[0] ?? null)
  }

  /** @throws the error itself when the check is interrupted */
  add(where: string, error: unknown): void {
    const code = error instanceof AuditError ? error.exitCode : EXIT.failed
    if (code === EXIT.interrupted || this.session.signal.aborted) throw error
    this.session.logger.error({ err: error }, `${printable(where)} was not checked, or not reported, whole`)
    this.codes.push(code)
  }
}

/** Keys of findings. Several sinks with the same events are one alarm. */
interface Seen {
  readonly printed: Set<string>
  /** Those that the webhook has, if there is one. */
  readonly taken: Set<string>
}

interface Reported {
  readonly session: Session
  readonly sink: Sink
  readonly webhook: Webhook | null
  readonly seen: Seen
  readonly flags: Reporting
  readonly counts: Map<Severity, number>
}

async function reportNews(
  { session, sink, webhook, seen, flags, counts }: Reported,
  found: readonly Finding[],
): Promise<void> {
  const news = flags.all === true ? found : await unreported(sink, found)
  const unprinted = news.filter(({ key }) => !seen.printed.has(key))
  await print(sink, unprinted, flags.format)
  for (const { key, severity } of unprinted) {
    seen.printed.add(key)
    counts.set(severity, (counts.get(severity) ?? 0) + 1)
  }
  if (flags.all === true) return
  // Another sink's, which the webhook has or which has no webhook to go to.
  await remember(sink, webhook === null ? news : news.filter(({ key }) => seen.taken.has(key)))
  if (webhook === null) return
  const { webhook: address = '', webhook_form: form = isSlack(address) ? 'slack' : 'json' } = session.settings
  await deliver(
    news.filter(({ key }) => !seen.taken.has(key)),
    {
      form,
      sink: sink.id,
      post: (body) => webhook.post(body, session.signal),
      async onTaken(findings) {
        for (const { key } of findings) seen.taken.add(key)
        await remember(sink, findings)
      },
    },
  )
}

/** Null when none is wanted. */
function openAlarm({ settings }: Session): Webhook | null {
  if (settings.webhook === undefined) return null
  return openWebhook(settings.webhook, { what: 'the webhook', option: '--webhook', doing: 'post findings' })
}

async function unreported({ query, questions }: Sink, found: readonly Finding[]): Promise<readonly Finding[]> {
  if (found.length === 0 || questions.reported === undefined) return found
  const known = new Set<string>()
  const least = found.reduce((earliest, { at }) => Math.min(earliest, Date.parse(at)), Date.now())
  const since = new Date(Math.floor((least - REPORTED_EARLIER_MS) / 1000) * 1000)
  for await (const [key] of (await query(questions.reported(since)).catch(explained)).rows) known.add(String(key))
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
