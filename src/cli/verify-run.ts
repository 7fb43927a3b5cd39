/** One verification of an archive, and of sinks against it, for the command. */

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Span } from '../../schemas/day-digest.js'
import { plural } from '../../schemas/words.js'
import { openPlace } from '../archive/archive.js'
import { recountSeals } from '../archive/recount.js'
import type { Sink } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import { EXIT, type ExitCode, printable } from '../errors.js'
import { Journal, withoutLoads } from '../journal.js'
import type { Job } from '../pipeline.js'
import { erasedIn } from '../privacy/agreement.js'
import type { Privacy } from '../privacy/shown.js'
import { registerExtraAllowed } from '../verify/allowed.js'
import { Expected } from '../verify/expected.js'
import { type Section, sorted } from '../verify/findings.js'
import { isDayIn } from '../verify/misplaced.js'
import { checkOriginals } from '../verify/originals.js'
import { sinkFindings } from '../verify/sink.js'
import { joined, send } from './formats/output.js'
import { CONCURRENCY } from './options.js'
import { privacyOf } from './privacy.js'
import { type Proof, proofOf } from './proof.js'
import { openJobs, type Room, reportDeath, runIn, withEngine } from './run.js'
import { countingIn, openDayAt } from './sealing.js'
import { closeAll, openSinks, type Session } from './session.js'
import { outcome } from './summary.js'
import type { Survivor } from './survivor.js'
import type { VerifyFlags } from './verify.js'
import { inJson, inText, type Report } from './verify-report.js'

/** Everything in the archive was accepted when it was loaded, whatever the limit was then. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER

/** @param span null for all days */
export async function verifyOnce(
  session: Session,
  address: string,
  span: Span | null,
  flags: Pick<VerifyFlags, 'to' | 'deep' | 'output' | 'publicKey'>,
  survivor: Pick<Survivor, 'entries' | 'post'>,
): Promise<ExitCode> {
  reportDeath(session, survivor.entries)
  const proof = await proofOf(session, flags.publicKey)
  const sinks = flags.to === undefined ? [] : await openSinks(session)
  try {
    const archive = await archiveSection(session, address, proof, span, survivor)
    const deep = flags.deep ?? false
    const compared = await sinkSections(session, sinks, address, { span, deep }, survivor)
    const report: Report = {
      ...{ span, deep },
      archive: archive.section,
      sinks: compared.sections,
      isComplete: archive.isComplete && compared.isComplete,
    }
    await send(flags.output === 'json' ? [inJson(report)] : joined(inText(report)), process.stdout)
    return exitCodeOf(report)
  } finally {
    await closeAll(sinks, session)
  }
}

interface ArchiveSection {
  readonly section: Report['archive']
  readonly isComplete: boolean
}

/** What is checked of the archive itself, whatever the sinks hold. */
async function archiveSection(
  session: Session,
  address: string,
  proof: Proof,
  span: Span | null,
  survivor: Pick<Survivor, 'entries' | 'post'>,
): Promise<ArchiveSection> {
  const { settings, logger, signal } = session
  const place = await openPlace(address)
  try {
    const now = new Date()
    const options = { now, openDay: openDayAt(now), concurrency: settings.concurrency ?? CONCURRENCY, signal }
    const isWanted = (day: string | null): boolean => span === null || (day !== null && isDayIn(day, span))
    const found = await checkOriginals(place, { ...options, ...proof }, () =>
      withEngine(session, (room) => recountSeals(countingIn(room, place, session, survivor), isWanted)),
    )
    for (const note of found.notes) logger.info(note)
    const anchored = new Set(proof.anchors.map(({ source }) => source))
    for (const { source } of found.heads)
      if (anchored.size > 0 && !anchored.has(source))
        logger.warn(
          `the anchor has no seal of ${printable(source)}, so nothing shows whether its newest ones were removed`,
        )
    for (const err of found.unread) logger.error({ err }, 'an archived document could not be read')
    if (found.moreUnread > 0) logger.error(`${plural(found.moreUnread, 'more error')} while reading archived documents`)
    const { documents, seals, heads, findings, unread } = found
    const section = { name: place.id, documents, seals, heads, findings: sorted(findings) }
    return { section, isComplete: unread.length === 0 }
  } finally {
    await closeAll([place.store], session)
  }
}

async function sinkSections(
  session: Session,
  sinks: readonly Sink[],
  address: string,
  choice: { readonly span: Span | null; readonly deep: boolean },
  { entries, post }: Pick<Survivor, 'entries' | 'post'>,
): Promise<{ readonly sections: readonly Section[]; readonly isComplete: boolean }> {
  if (sinks.length === 0) return { sections: [], isComplete: true }
  const { span } = choice
  const salt = randomBytes(16).toString('hex')
  // A sink that cannot answer fails now, before anything is read.
  const moment = { from: new Date(0), to: new Date(1) }
  for (const sink of sinks) for await (const _ of (await sink.query(sink.questions.proof.events(moment))).rows);
  // Sinks with different erasures must hold different rows, so each is compared alone.
  const privacies = await Promise.all(sinks.map((sink) => privacyFor(session, sink)))
  const [privacy] = privacies
  if (new Set(privacies.map(({ erased }) => [...erased].sort().join())).size > 1) {
    const single = []
    for (const sink of sinks) single.push(await sinkSections(session, [sink], address, choice, { entries, post }))
    return {
      sections: single.flatMap(({ sections }) => sections),
      isComplete: single.every(({ isComplete }) => isComplete),
    }
  }
  const jobs = await openJobs(`archive:${address}`, { range: span, overlapMs: 0, refetch: true }, session)
  try {
    return await withEngine(session, async (room) => {
      const expected = await replayed(room, session.signal)
      const journal = new Journal([expected.id], withoutLoads(entries), post)
      const unlimited = { ...session, settings: { ...session.settings, max_rejects: ANY_NUMBER } }
      const code = outcome(await runIn(room, unlimited, jobs, [expected], null, journal, privacy), unlimited)
      registerExtraAllowed(room.engine.connection)
      const sections: Section[] = []
      for (const held of sinks) {
        const findings = await interruptible(room.engine.connection, session.signal, () =>
          sinkFindings(room.engine, held, expected, { ...choice, salt }),
        )
        sections.push({ name: held.id, findings })
      }
      return { sections, isComplete: code === EXIT.done }
    })
  } finally {
    await closeAll(
      jobs.map(({ source }: Job) => source),
      session,
    )
  }
}

/** What a sink that was loaded with this setting must hold. @throws AuditError, exit code 2, when it was loaded with another */
async function privacyFor(session: Session, sink: Sink): Promise<Privacy> {
  const privacy = privacyOf(session)
  return { ...privacy, erased: new Set(await erasedIn(sink, privacy)) }
}

async function replayed({ folder }: Room, signal: AbortSignal): Promise<Expected> {
  const { duckdbSink } = await import('../../sinks/duckdb/index.js')
  const file = join(folder, 'replay.duckdb')
  return new Expected(folder, { file, sink: duckdbSink(file, { waitMs: 0, signal, onWait: () => {} }) })
}

/** What could not be read may hold what seems to be extra. */
function exitCodeOf({ archive, sinks, isComplete }: Report): ExitCode {
  const findings = [archive, ...sinks].flatMap((each) => each.findings)
  const isCertain = isComplete ? findings.length > 0 : findings.some(({ kind }) => kind !== 'extra')
  if (isCertain) return EXIT.altered
  return isComplete ? EXIT.done : EXIT.failed
}
