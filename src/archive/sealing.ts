/** Makes seals: of finished days, and of documents that have no day. */

import type { KeyObject } from 'node:crypto'
import { AuditError, printable } from '../errors.js'
import type { SealChain } from './chain.js'
import type { Contents, DocumentCounts } from './contents.js'
import type { Heading } from './format.js'
import type { Noted } from './noted.js'
import { type Counting, readBack } from './read-back.js'
import { openArchived } from './reading.js'
import { Coverage, type Seal, type SealedDocument, sealBytes, uncountedIn } from './seal.js'
import type { Archived } from './source.js'

export interface Sealing extends Counting {
  /** What this run knows about the documents that it archived; null if it archived none. */
  readonly noted: Noted | null
  /** Ed25519; null leaves seals unsigned. */
  readonly signKey: KeyObject | null
  /** For how long nobody may delete a seal; null leaves that to the bucket. */
  readonly retainMs: number | null
  /** The first UTC day that is not finished: `2026-10-01`. */
  readonly openDay: string
  /** Called for each new seal; an error of it does not undo the seal. */
  onSealed(seal: NewSeal, bytes: Buffer): Promise<void>
  now(): Date
}

export interface NewSeal extends Pick<Seal, 'source' | 'number' | 'day' | 'supersedes' | 'sealed_at'> {
  readonly sha256: string
  readonly documents: number
  /** How many of the documents could not be read, or not counted. */
  readonly uncounted: number
}

const DAY_MS = 86_400_000
/** What is counted in one run of the pipeline, unless one part is larger; bounds what is kept of its documents, and what a kill costs. */
export const TOGETHER = { parts: 100, documents: 10_000, bytes: 64 << 20 }

/** `ahead`: no log is written for days to come, so the date in the name is something else. */
export function phaseOf(day: string, openDay: string): 'finished' | 'open' | 'ahead' | 'undated' {
  if (!/^\d{4}-\d\d-\d\d$/.test(day)) return 'undated'
  if (day < openDay) return 'finished'
  return day <= new Date(Date.parse(openDay) + 2 * DAY_MS).toISOString().slice(0, 10) ? 'open' : 'ahead'
}

/** The documents of one seal. */
export interface Part {
  /** Null where they have none, or one to come. */
  readonly day: string | null
  /** The day in their keys. */
  readonly folder: string
  readonly objects: readonly Listed[]
}

export interface Listed extends Archived {
  /** Below the archive's prefix. */
  readonly key: string
}

/** Called for each day that could not be sealed; the others are. */
export type OnError = (error: AuditError) => void

/**
 * @returns null when it failed because of the documents or their places, which was reported
 * @throws what keeps the other days from being sealed too
 */
export async function reporting<T>(
  { signal }: Pick<Sealing, 'signal'>,
  onError: OnError,
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (signal.aborted || !(error instanceof AuditError) || error.outside) throw error
    onError(error)
    return null
  }
}

/**
 * Makes a seal of each part. Counts many parts at once, because a run of the pipeline costs something however little it reads.
 *
 * @throws AuditError when documents could not be read for a reason that is not theirs, or a seal not be written
 */
export async function sealParts(
  chain: SealChain,
  parts: AsyncIterable<Part>,
  sealing: Sealing,
  onError: OnError,
): Promise<void> {
  let together: Part[] = []
  let size = { documents: 0, bytes: 0 }
  for await (const part of parts) {
    const documents = part.objects.length
    const bytes = part.objects.reduce((sum, { object }) => sum + object.bytes, 0)
    const isFull =
      together.length === TOGETHER.parts ||
      size.documents + documents > TOGETHER.documents ||
      size.bytes + bytes > TOGETHER.bytes
    if (together.length > 0 && isFull) {
      await sealTogether(chain, together, sealing, onError)
      together = []
      size = { documents: 0, bytes: 0 }
    }
    together.push(part)
    size = { documents: size.documents + documents, bytes: size.bytes + bytes }
  }
  if (together.length > 0) await sealTogether(chain, together, sealing, onError)
}

async function sealTogether(
  chain: SealChain,
  parts: readonly Part[],
  sealing: Sealing,
  onError: OnError,
): Promise<void> {
  const { source } = chain
  const known = new Map<Part, Contents>()
  for (const part of parts) {
    const contents = sealing.noted?.contentsOf(source, part.folder, part.objects)
    if (contents != null) known.set(part, contents)
  }
  const unknown = parts.filter((part) => !known.has(part))
  // What fails for all of them may be the fault of one.
  const read = await reporting(sealing, parts.length > 1 ? () => {} : onError, () =>
    readBack(
      source,
      unknown.map(({ objects }) => objects),
      sealing,
    ),
  )
  if (read === null) {
    if (parts.length > 1) for (const part of parts) await sealTogether(chain, [part], sealing, onError)
    return
  }
  unknown.forEach((part, i) => void known.set(part, read(i)))
  for (const part of parts) {
    const contents = known.get(part)
    if (contents !== undefined) await reporting(sealing, onError, () => seal(chain, part, contents, sealing))
  }
}

export function coverageOfObjects(objects: readonly Listed[]): Coverage {
  const coverage = new Coverage()
  for (const { key } of objects) coverage.add(key)
  return coverage
}

async function seal(chain: SealChain, { day, objects }: Part, contents: Contents, sealing: Sealing): Promise<void> {
  const { signKey, retainMs, now, onSealed } = sealing
  const { events, actions, other_actions, days, other_days } = contents.totals
  const failed = objects.map(({ key }) => contents.failure(key)).find((error) => error !== undefined)
  if (failed !== undefined) {
    const what = `${printable(chain.source)} ${day ?? 'without a day'} is not sealed: ${failed.message}`
    throw new AuditError(what, {
      outside: failed.outside,
      ...(failed.advice === undefined ? {} : { advice: failed.advice }),
    })
  }
  const documents: SealedDocument[] = []
  const unreadable: string[] = []
  for (const listed of objects.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    const { key } = listed
    const heading = contents.heading(key)
    const counted = contents.counts(key)
    const bytes = counted?.bytes ?? (heading === undefined ? null : await intactBytes(listed, sealing))
    if (heading === undefined || bytes === null) unreadable.push(key)
    else documents.push(sealedDocument(listed, heading, bytes, counted))
  }
  const lists = { documents, unreadable }
  const coverage = coverageOfObjects(objects)
  const sum = (of: 'lines' | 'rejects'): number => documents.reduce((total, each) => total + (each[of] ?? 0), 0)
  let written: (Pick<Seal, 'number' | 'supersedes' | 'sealed_at'> & { readonly bytes: Buffer }) | undefined
  const link = await chain.append(
    async (number, head) => {
      const replaced = day === null ? null : await chain.newestOf(day)
      const before = replaced?.sealed
      // Another process may have sealed it meanwhile.
      if (before?.coverage.equals(coverage) && before.uncounted <= uncountedIn(lists)) return null
      const latest = head?.sealed?.latest_day ?? null
      const stated = { number, supersedes: replaced?.number ?? null, sealed_at: now().toISOString() }
      const bytes = sealBytes(
        {
          ...{ source: chain.source, number, day, previous: head?.sha256 ?? null, supersedes: stated.supersedes },
          ...{ latest_day: later(latest, day), sealed_at: stated.sealed_at },
          ...{ lines: sum('lines'), events, rejects: sum('rejects'), actions, other_actions, days, other_days },
          ...lists,
        },
        signKey,
      )
      written = { ...stated, bytes }
      return bytes
    },
    retainMs === null ? undefined : new Date(now().getTime() + retainMs),
  )
  if (link === null || written === undefined) return
  const { bytes, ...stated } = written
  const numbers = { documents: documents.length, uncounted: uncountedIn(lists) }
  await onSealed({ source: chain.source, day, sha256: link.sha256, ...stated, ...numbers }, bytes)
}

function sealedDocument(
  { key, sha256 }: Listed,
  { document, version, readAt, order }: Heading,
  bytes: number,
  counted: DocumentCounts | undefined,
): SealedDocument {
  return {
    ...{ key, document, version, bytes, sha256, read_at: readAt.toISOString(), order },
    ...{ lines: counted?.lines ?? null, rejects: counted?.rejects ?? null },
  }
}

/** How many bytes a document has that could not be counted; null when they are not those that its name states. */
async function intactBytes({ object, sha256 }: Archived, { place, signal }: Sealing): Promise<number | null> {
  let bytes = 0
  try {
    const opened = await openArchived(place.store, object, sha256, signal)
    if (opened === null) return null
    for await (const chunk of opened.bytes) bytes += chunk.length
    return bytes
  } catch (error) {
    if (signal.aborted || !(error instanceof AuditError) || error.outside || error.retryable) throw error
    return null
  }
}

const later = (a: string | null, b: string | null): string | null => (a === null || (b !== null && b > a) ? b : a)
