/** One check of the sinks, for the command and after a load. */

import type { Span } from '../../schemas/day-digest.js'
import type { Detection, Severity } from '../../schemas/detections/detection.js'
import { withoutLogin } from '../address.js'
import type { ColumnType, QueryResult, Sink } from '../contract.js'
import { chosenDetections } from '../detections/chosen.js'
import { deliver } from '../detections/deliver.js'
import { askable, detect, type Finding } from '../detections/detect.js'
import { isSlack } from '../detections/messages.js'
import { asDetectionFinding } from '../detections/ocsf.js'
import { AuditError, EXIT, type ExitCode, printable } from '../errors.js'
import { version } from '../version.js'
import { openWebhook, type Webhook } from '../webhook.js'
import type { CheckFlags } from './check.js'
import { Failures } from './failures.js'
import { rendered } from './formats/index.js'
import { each, send } from './formats/output.js'
import { closeAll, openSinks, type Session } from './session.js'
import { jsonLine } from './terminal.js'

/** How much earlier than now found a reported finding may have begun. */
const REPORTED_EARLIER_MS = 7 * 86_400_000

type Reporting = Pick<CheckFlags, 'detection' | 'severity' | 'format' | 'all'>

export type Survive = <T>(step: string, work: () => Promise<T>) => Promise<T>

/**
 * Prints, posts and remembers what is new. What fails is logged, and does not keep the other sinks and detections from being
 * checked.
 *
 * @param counts  findings that were printed or posted are added to it, also if the check fails later
 * @param survive runs a step, or throws an AuditError if it has killed a process of this run
 * @returns 4 if anything new was found; 1 if anything failed; 2 if only settings or logins were wrong
 * @throws AuditError, exit code 2, when no sink can be asked, and when the webhook cannot be used; when it is interrupted
 */
export async function checkOnce(
  session: Session,
  span: Span,
  flags: Reporting,
  counts: Map<Severity, number> = new Map(),
  survive: Survive = (_step, work) => work(),
): Promise<ExitCode> {
  const chosen = chosenDetections(session.settings.detections, { ids: flags.detection, severity: flags.severity })
  const webhook = flags.all === true ? null : openAlarm(session)
  const failures = new Failures(session, 'could not be checked or reported completely')
  const opened = await openSinks(session, (address, error) => {
    failures.add(withoutLogin(address), error)
    return null
  })
  const sinks = opened.filter((sink) => sink !== null)
  const seen: Seen = { found: new Set(), printed: new Set(), taken: new Set() }
  try {
    const onLeftOut = (why: string) => session.logger.info(why)
    for (const sink of askable(sinks, onLeftOut, failures.code !== null)) {
      const onFailed = (detection: Detection, error: unknown) => failures.add(`${sink.id}: ${detection.id}`, error)
      try {
        const found = await detect(sink, chosen, span, onFailed, ({ id }, work) =>
          survive(`check ${sink.id}: ${id}`, work),
        )
        const report = (): Promise<void> => reportNews({ session, sink, webhook, seen, flags, counts }, found)
        await survive(`report ${sink.id}`, report)
      } catch (error) {
        failures.add(sink.id, error)
      }
    }
  } finally {
    await closeAll([...sinks, ...(webhook === null ? [] : [webhook])], session)
  }
  return failures.code ?? (seen.found.size > 0 ? EXIT.found : EXIT.done)
}

/** Keys of findings. The same events in several sinks raise one alarm. */
interface Seen {
  readonly found: Set<string>
  readonly printed: Set<string>
  /** Those already posted. */
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
  const count = ({ severity }: Finding): void => void counts.set(severity, (counts.get(severity) ?? 0) + 1)
  for (const { key } of unprinted) seen.found.add(key)
  // Whoever has stopped reading has not seen them.
  const printed = (await print(sink, unprinted, flags.format)) ? unprinted : []
  for (const finding of printed) {
    seen.printed.add(finding.key)
    count(finding)
  }
  if (flags.all === true) return
  // Without a webhook, all that was printed; otherwise, what was already posted for another sink.
  const reported = webhook === null ? seen.printed : seen.taken
  await remember(
    sink,
    news.filter(({ key }) => reported.has(key)),
  )
  if (webhook === null) return
  const { webhook: address = '', webhook_form: form = isSlack(address) ? 'slack' : 'json' } = session.settings
  await deliver(
    news.filter(({ key }) => !seen.taken.has(key)),
    {
      form,
      sink: sink.id,
      post: (body) => webhook.post(body, session.signal),
      async onTaken(findings) {
        for (const finding of findings) {
          if (!seen.printed.has(finding.key)) count(finding)
          seen.taken.add(finding.key)
        }
        await remember(sink, findings)
      },
    },
  )
}

/** Null if no webhook is set. */
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

/** The tables are from an older version. */
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

/** @returns false when the reader of stdout has left */
async function print(sink: Sink, findings: readonly Finding[], format: CheckFlags['format']): Promise<boolean> {
  if (format === 'ocsf') {
    return send(
      findings.map((finding) => jsonLine(asDetectionFinding(finding, version()), process.stdout)),
      process.stdout,
    )
  }
  if (format === 'table') {
    if (findings.length === 0) return true
    if (!(await send([`${printable(sink.id)}\n`], process.stdout))) return false
  }
  const result = format === 'table' ? tableOf(findings) : resultOf(findings, ALL_COLUMNS)
  return send(rendered(result, format, process.stdout), process.stdout)
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
  rows: each(findings.map((finding) => columns.map(([name]) => finding[name]))),
})

/** The columns that fit on a line: the actor's name, and the address or, failing that, the subject. */
const tableOf = (findings: readonly Finding[]): QueryResult => ({
  columns: ['severity', 'at', 'detection', 'actor', 'about', 'what'].map((name) => ({ name, type: 'text' })),
  rows: each(
    findings.map(({ severity, at, detection, actor, actor_email, address, entity, subject, what }) => [
      ...[severity, at, detection, actor_email ?? actor],
      ...[address ?? subject ?? entity, what],
    ]),
  ),
})
