/** Makes a seal: of a finished day, or of documents that have no day. */

import type { KeyObject } from 'node:crypto'
import type { Source } from '../contract.js'
import { AuditError, printable } from '../errors.js'
import { type ArchivePlace, objectsOf } from './archive.js'
import type { SealChain } from './chain.js'
import { dayFolder, parseKey } from './format.js'
import { openArchived } from './reading.js'
import { Coverage, type Seal, type SealedDocument, sealBytes, uncountedIn } from './seal.js'
import { type Archived, keyedSource, type Read } from './source.js'
import type { Counted, DocumentCounts } from './tally.js'

export interface Sealing {
  readonly place: ArchivePlace
  /** Reads the documents of a source through the pipeline. What cannot be read is missing in the result. */
  count(source: Source): Promise<Counted>
  /** Ed25519; null leaves seals unsigned. */
  readonly signKey: KeyObject | null
  /** For how long nobody may delete a seal; null leaves that to the bucket. */
  readonly retainMs: number | null
  /** The first UTC day that is not finished: `2026-10-01`. */
  readonly openDay: string
  /** Called for each new seal; an error of it does not undo the seal. */
  onSealed(seal: NewSeal, bytes: Buffer): Promise<void>
  readonly concurrency: number
  readonly signal: AbortSignal
  now(): Date
}

export interface NewSeal extends Pick<Seal, 'source' | 'number' | 'day' | 'supersedes' | 'sealed_at'> {
  readonly sha256: string
  readonly documents: number
  /** How many of the documents could not be read, or not counted. */
  readonly uncounted: number
}

const DAY_MS = 86_400_000
/** More documents without a day take several seals. */
const MOST_UNDATED = 10_000

/** `ahead`: no log is written for days to come, so the date in the name is something else. */
export function phaseOf(day: string, openDay: string): 'finished' | 'open' | 'ahead' | 'undated' {
  if (!/^\d{4}-\d\d-\d\d$/.test(day)) return 'undated'
  if (day < openDay) return 'finished'
  return day <= new Date(Date.parse(openDay) + 2 * DAY_MS).toISOString().slice(0, 10) ? 'open' : 'ahead'
}

/**
 * Seals a finished day, unless its newest seal covers the objects that are there.
 *
 * @param again whether to seal it also if that seal has documents that could not be counted, and now they can
 * @throws AuditError when documents could not be read for a reason that is not theirs, or the seal not be written
 */
export async function sealDay(chain: SealChain, day: string, sealing: Sealing, again = false): Promise<void> {
  const objects = await objectsOfDay(chain.source, day, sealing)
  if (objects.length === 0) return
  const newest = await chain.newestOf(day)
  const isCovered = newest?.sealed?.coverage.equals(coverageOfObjects(objects)) ?? false
  if (isCovered && !(again && (newest?.sealed?.uncounted ?? 0) > 0)) return
  await seal(chain, day, objects, sealing)
}

/**
 * Seals documents that have no day, or one to come: each once, because their number has no bound.
 *
 * @param folder the day in their keys
 * @throws as `sealDay` does
 */
export async function sealUndated(
  chain: SealChain,
  folder: string,
  isWanted: (key: string) => boolean,
  sealing: Sealing,
): Promise<void> {
  const objects = (await objectsOfDay(chain.source, folder, sealing)).filter(({ key }) => isWanted(key))
  for (let i = 0; i < objects.length; i += MOST_UNDATED)
    await seal(chain, null, objects.slice(i, i + MOST_UNDATED), sealing)
}

interface Listed extends Archived {
  /** Below the archive's prefix. */
  readonly key: string
}

async function objectsOfDay(source: string, day: string, { place, signal }: Sealing): Promise<Listed[]> {
  const objects: Listed[] = []
  for await (const object of objectsOf(place, signal, dayFolder(source, day))) {
    const key = object.key.slice(place.prefix.length)
    const parsed = parseKey(key)
    if (parsed !== null) objects.push({ key, object, sha256: parsed.sha256 })
  }
  return objects
}

function coverageOfObjects(objects: readonly Listed[]): Coverage {
  const coverage = new Coverage()
  for (const { key } of objects) coverage.add(key)
  return coverage
}

async function seal(chain: SealChain, day: string | null, objects: readonly Listed[], sealing: Sealing): Promise<void> {
  const { place, concurrency, signKey, retainMs, now, onSealed } = sealing
  const { source, read, failure } = keyedSource(chain.source, objects, place, concurrency)
  const { documents: counts, ...totals } = await sealing.count(source)
  const failed = failure()
  if (failed !== null) {
    const what = `${printable(chain.source)} ${day ?? 'without a day'} is not sealed: ${failed.message}`
    throw new AuditError(what, {
      outside: failed.outside,
      ...(failed.advice === undefined ? {} : { advice: failed.advice }),
    })
  }
  const documents: SealedDocument[] = []
  const unreadable: string[] = []
  for (const { key } of objects.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    const header = read.get(key)
    const counted = counts.get(key)
    const bytes = counted?.bytes ?? (header === undefined ? null : await intactBytes(header, sealing))
    if (header === undefined || bytes === null) unreadable.push(key)
    else documents.push(sealedDocument(key, header, bytes, counted))
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
          ...{ lines: sum('lines'), events: totals.events, rejects: sum('rejects') },
          ...totals,
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
  key: string,
  { heading, sha256 }: Read,
  bytes: number,
  counted: DocumentCounts | undefined,
): SealedDocument {
  const { document, version, readAt, order } = heading
  return {
    ...{ key, document, version, bytes, sha256, read_at: readAt.toISOString(), order },
    ...{ lines: counted?.lines ?? null, rejects: counted?.rejects ?? null },
  }
}

/** How many bytes a document has that could not be counted; null when they are not those that its name states. */
async function intactBytes({ object, sha256 }: Read, { place, signal }: Sealing): Promise<number | null> {
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
