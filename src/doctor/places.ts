/** The subjects that lie elsewhere: sources, sinks, and the archive. */

import { inWords } from '../../schemas/words.js'
import type { ArchivePlace } from '../archive/archive.js'
import type { Check, Document, Sink, Source } from '../contract.js'
import { AuditError, printable } from '../errors.js'
import { KEPT, probeLocks, probeWrites } from '../stores/probe.js'
import type { Subject } from './doctor.js'

const DAY_MS = 86_400_000
const AGES = [DAY_MS, 30 * DAY_MS, 400 * DAY_MS]
const ALL = { from: null, to: null }
/** Clocks differ. */
const AHEAD_MS = 300_000
/** An archive may be large; `archive check` looks at all of it. */
const MOST_LOCKS = 200

export const sourceSubject = (source: Source): Subject => ({
  name: `source ${source.id}`,
  checks: source.checks?.() ?? [listing(source)],
  close: () => source.close(),
})

const listing = (source: Source): Check => ({
  name: 'documents',
  async run(signal) {
    let first: Document | undefined
    for await (const document of source.list(ALL, signal)) {
      first = document
      break
    }
    return first === undefined ? { warning: 'it has no document', cure: 'Check the address.' } : 'there are documents'
  },
})

/** @param probe a unique name, if probes are wanted */
export const sinkSubject = (sink: Sink, now: Date, probe: string | null): Subject => ({
  name: `sink ${sink.id}`,
  checks: [
    reading(sink),
    newest(sink, now),
    ...(sink.checks?.() ?? []),
    ...(probe === null ? [] : (sink.probes?.(probe) ?? [])),
  ],
  close: () => sink.close(),
})

const reading = (sink: Sink): Check => ({
  name: 'reading',
  async run() {
    // No source is called so: only that it answers is of interest.
    await sink.receipts('')
    return 'it answers, and its receipts can be read'
  },
})

const newest = ({ query, questions }: Sink, now: Date): Check => ({
  name: 'newest event',
  async run() {
    const to = new Date(now.getTime() + AHEAD_MS)
    for (const age of AGES) {
      const from = new Date(now.getTime() - age)
      let found: string | null
      try {
        found = await firstValue(await query(await questions.newest({ from, to })))
      } catch (error) {
        // Its receipts could be read: nothing was loaded yet.
        if (!(error instanceof AuditError)) throw error
        return { warning: error.message, cure: error.advice ?? 'Load something first.' }
      }
      if (found === null) continue
      const ago = inWords(Math.max(0, now.getTime() - Date.parse(found)) / 1000)
      if (age === DAY_MS) return `${found}, ${ago} ago`
      const cure = 'See whether loads run and succeed, and whether W&B still logs: wandb-audit reconcile --days 7.'
      return { warning: `the newest event is from ${found}, ${ago} ago`, cure }
    }
    return { warning: 'there is no event from the last 400 days', cure: 'Load something first: wandb-audit load.' }
  },
})

async function firstValue({ rows }: Awaited<ReturnType<Sink['query']>>): Promise<string | null> {
  let first: string | null = null
  // Read to the end: DuckDB keeps the file of an answer that is left before it locked.
  for await (const [value] of rows) first ??= value === null || value === undefined ? null : String(value)
  return first
}

/**
 * @param retain whether documents are to be locked
 * @param probe  a unique name, if probes are wanted
 */
export function archiveSubject(place: ArchivePlace, retain: boolean, now: Date, probe: string | null): Subject {
  const { store, prefix } = place
  const at = `${prefix}${probe ?? ''}-`
  const probes: Check[] = [
    retain
      ? { name: 'probe: lock', run: (signal) => probeLocks(store, at, signal) }
      : { name: 'probe: writing', run: (signal) => probeArchive(place, at, signal) },
  ]
  return {
    name: `archive ${place.id}`,
    checks: [{ name: 'locks', run: (signal) => locks(place, now, signal) }, ...(probe === null ? [] : probes)],
    close: () => store.close(),
  }
}

/** What a bucket locks by itself would stay for years, so nothing is written where it may do that. */
async function probeArchive(
  { store, prefix }: ArchivePlace,
  at: string,
  signal: AbortSignal,
): ReturnType<Check['run']> {
  if (store.locks === undefined) return probeWrites(store, at, signal)
  const locksByItself = (await store.locksByItself?.(signal)) ?? null
  if (locksByItself === true) return KEPT
  let objects = 0
  for await (const { until } of store.locks(prefix, signal)) {
    objects++
    // Expired locks count too: a new object's lock would not have expired.
    if (until !== null) return KEPT
    if (objects > MOST_LOCKS) break
  }
  // If the bucket does not say, its objects must show it, and only the newest may be locked.
  if (locksByItself === false || (objects > 0 && objects <= MOST_LOCKS)) return probeWrites(store, at, signal)
  return {
    warning: `${objects === 0 ? 'it is empty' : `it has more than ${MOST_LOCKS} objects`}, and the store does not say whether it locks what is written: nothing was written`,
    cure: 'Let this user read the settings of the bucket: docs/doctor.md.',
  }
}

async function locks({ store, prefix, id }: ArchivePlace, now: Date, signal: AbortSignal): ReturnType<Check['run']> {
  if (store.locks === undefined)
    return {
      warning: 'a folder cannot keep anyone from deleting a file',
      cure: 'Archive into a bucket with locks: docs/retention.md.',
    }
  let objects = 0
  let example: string | null = null
  let least: Date | null = null
  for await (const { key, until } of store.locks(prefix, signal)) {
    objects++
    if (until === null || until <= now) example ??= key
    else if (least === null || until < least) least = until
    if (objects === MOST_LOCKS) break
  }
  if (objects === 0) return { warning: 'it is empty', cure: 'Load something with --archive first.' }
  if (example !== null)
    return {
      warning: `objects can be deleted, for example ${printable(example)}`,
      cure: `Let the bucket lock what is written, or use --retain: docs/retention.md. wandb-audit archive check ${printable(id)} looks at all objects.`,
    }
  const which = objects === MOST_LOCKS ? `the first ${objects} objects are` : 'every object is'
  return `${which} locked; the first lock ends at ${least?.toISOString()}`
}
