/** `doctor`: assembles what is to be checked from the settings, and writes the report. */

import { randomUUID } from 'node:crypto'
import { plural } from '../../schemas/words.js'
import { withoutLogin } from '../address.js'
import type { Source, Warning } from '../contract.js'
import { examined, type Result, type Subject, unopened } from '../doctor/doctor.js'
import { machineChecks } from '../doctor/machine.js'
import { archiveSubject, sinkSubject, sourceSubject } from '../doctor/places.js'
import { redacted, redacting } from '../doctor/report.js'
import { AuditError, EXIT, type ExitCode, escaped } from '../errors.js'
import { NEVER_ABORTED } from '../retry.js'
import { version } from '../version.js'
import type { DoctorFlags } from './doctor.js'
import { each, send } from './formats/output.js'
import { CONCURRENCY } from './options.js'
import { openSession, type Session } from './session.js'
import { undoing } from './signals.js'
import { jsonLine } from './terminal.js'

/** Someone is waiting for the report. */
const LOCK_WAIT_MS = 2_000

export async function doctorOnce(flags: DoctorFlags): Promise<ExitCode> {
  const opened = await openSession(flags).catch((error: unknown) => {
    if (!(error instanceof AuditError)) throw error
    return error
  })
  if (opened instanceof AuditError) {
    // Without settings, only the machine can be checked.
    const machine = { name: 'this machine', checks: machineChecks(NO_SETTINGS) }
    return report([], each([unopened('settings', opened, 'reading'), machine]), flags, NEVER_ABORTED)
  }
  const session = opened
  const { ping, anchor, webhook } = session.settings
  return undoing(session.logger, () => report([ping, anchor, webhook], subjects(session, flags), flags, session.signal))
}

const NO_SETTINGS = { spool: undefined, metrics: undefined, keyFiles: [], warnings: null, unknownVariables: [] }

async function report(
  urls: readonly (string | undefined)[],
  all: AsyncIterable<Subject>,
  { output }: DoctorFlags,
  signal: AbortSignal,
): Promise<ExitCode> {
  const clean = redacting(process.env, urls.map(secretOf))
  const results: Result[] = []
  async function* written(): AsyncGenerator<string> {
    let subject = ''
    for await (const raw of examined(all, signal)) {
      const result = redacted(raw, clean)
      results.push(result)
      if (output === 'json') continue
      if (result.subject !== subject) yield `${subject === '' ? '' : '\n'}${escaped(result.subject)}\n`
      subject = result.subject
      yield inWords(result)
    }
    yield output === 'json' ? jsonLine(asJson(results), process.stdout) : `\n${totals(results)}\n`
  }
  await send(written(), process.stdout)
  return results.some(({ state }) => state === 'failure') ? EXIT.failed : EXIT.done
}

/** The path and query of a URL are secret; the address of a bucket is not. */
function secretOf(url: string | undefined): string | undefined {
  if (url === undefined || !/^https?:/i.test(url) || !URL.canParse(url)) return undefined
  const { pathname, search } = new URL(url)
  return `${pathname}${search}`.replace(/^\//, '')
}

async function* subjects(session: Session, { probe = false }: DoctorFlags): AsyncGenerator<Subject> {
  const { settings } = session
  const { spool, metrics, sign_key: signKey, warnings, unknownVariables } = settings
  const keyFiles = [
    ['the key of seals', signKey],
    ['the key of pseudonyms', process.env.WANDB_AUDIT_PRIVACY_KEY_FILE || undefined],
  ] as const
  yield { name: 'this machine', checks: machineChecks({ spool, metrics, keyFiles, warnings, unknownVariables }) }
  const scratch = probe ? `wandb_audit_doctor_${randomUUID().replaceAll('-', '')}` : null
  for (const address of settings.from) yield* sourceSubjects(address, session)
  const { openSink } = await import('../../sinks/index.js')
  for (const address of new Set(settings.to)) {
    const context = { waitMs: LOCK_WAIT_MS, signal: session.signal, onNotice: () => {} }
    try {
      yield sinkSubject(await openSink(address, context), new Date(), scratch)
    } catch (error) {
      yield unopened(`sink ${withoutLogin(address)}`, error)
    }
  }
  if (settings.archive === undefined) return
  try {
    const { openPlace } = await import('../archive/archive.js')
    yield archiveSubject(await openPlace(settings.archive), settings.retain !== undefined, new Date(), scratch)
  } catch (error) {
    yield unopened(`archive ${withoutLogin(settings.archive)}`, error)
  }
}

async function* sourceSubjects(address: string, { settings, signal }: Session): AsyncGenerator<Subject> {
  const { username, anonymize = false, api: dialect, concurrency = CONCURRENCY } = settings
  const { insecure_http: insecureHttp = false, follow_links: followLinks = false } = settings
  // Its writer may stay silent forever.
  if (address === '-') return
  const warnings: string[] = []
  const onWarning = (text: string): void => void warnings.push(text)
  const options = {
    username,
    anonymize,
    dialect,
    insecureHttp,
    overlapMs: 0,
    concurrency,
    followLinks,
    onWarning,
    signal,
  }
  let sources: readonly Source[]
  try {
    const { openSources } = await import('../sources/index.js')
    sources = await openSources(address, options)
  } catch (error) {
    yield unopened(`source ${withoutLogin(address)}`, error)
    return
  }
  for (const source of sources) {
    const subject = sourceSubject(source)
    const told = warnings.map((warning) => ({
      name: 'key file',
      run: async (): Promise<Warning> => ({ warning, cure: '' }),
    }))
    yield { ...subject, checks: [...told, ...subject.checks] }
  }
}

const SIGNS = { ok: 'ok     ', warning: 'warning', failure: 'FAILURE' } as const

function inWords({ state, check, message, cure }: Result): string {
  const line = `  ${SIGNS[state]}  ${check}: ${escaped(message)}\n`
  return cure ? `${line}           ${escaped(cure)}\n` : line
}

function totals(results: readonly Result[]): string {
  const count = (state: Result['state']): number => results.filter((result) => result.state === state).length
  return `${count('ok')} ok, ${plural(count('warning'), 'warning')}, ${plural(count('failure'), 'failure')}`
}

const asJson = (results: readonly Result[]): unknown => ({
  wandb_audit: version(),
  node: process.versions.node,
  platform: `${process.platform} ${process.arch}`,
  checked_at: new Date().toISOString(),
  checks: results,
})
