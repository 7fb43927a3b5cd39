/** Finds what is to be sealed: after a load, or in the whole archive. */

import type { DayRange } from '../contract.js'
import { type Added, noDocument, objectsOf } from './archive.js'
import { type Link, SealChain } from './chain.js'
import { dayFolder, parseKey, sourceFolder, UNDATED } from './format.js'
import { Coverage, shortHash } from './seal.js'
import {
  coverageOfObjects,
  type Listed,
  type OnError,
  type Part,
  phaseOf,
  reporting,
  type Sealing,
  sealParts,
  TOGETHER,
} from './sealing.js'

const DAY_MS = 86_400_000

/**
 * Lists the whole archive, and seals whatever is not sealed and whose day is finished.
 *
 * @throws AuditError when the archive holds no document; as `sealParts` does
 */
export async function sealAll(sealing: Sealing, onError: OnError): Promise<void> {
  const sources = await foldersIn(sealing)
  if (sources.size === 0) throw noDocument(sealing.place)
  for (const [source, days] of sources) {
    const chain = await SealChain.open(sealing.place, source, sealing.signal)
    await sealParts(chain, partsIn(chain, days, sealing, onError), sealing, onError)
  }
}

/** What a load has done, as far as it decides what is to be sealed after it. */
export interface Loaded {
  readonly source: string
  /** The days that were asked for; null: whatever was new. */
  readonly range: DayRange | null
  readonly added: Added
}

/**
 * Seals, after a load, the finished days that it added to or was asked for, and the last ones. Lists none of the others, and
 * reads no more seals than it must.
 */
export async function sealLoaded(loaded: Loaded, sealing: Sealing, onError: OnError): Promise<void> {
  const chain = await SealChain.open(sealing.place, loaded.source, sealing.signal)
  await sealParts(chain, partsAfter(loaded, chain, sealing, onError), sealing, onError)
}

async function* partsAfter(
  { source, range, added }: Loaded,
  chain: SealChain,
  sealing: Sealing,
  onError: OnError,
): AsyncGenerator<Part> {
  const { openDay } = sealing
  const asked = daysOf(range, openDay)
  if (asked === null) {
    const days = (await foldersIn(sealing, sourceFolder(source))).get(source)
    return yield* partsIn(chain, days ?? new Map(), sealing, onError)
  }
  const latest = (await chain.head())?.sealed?.latest_day ?? ''
  const recent = daysBefore(openDay, RECENT_DAYS).filter((day, i) => i < LATE_DAYS || day > latest)
  for (const day of [...new Set([...added.days, ...asked, ...recent])].sort())
    yield* (await reporting(sealing, onError, () => partsOf(chain, day, sealing))) ?? []
  if (added.undated.size === 0) return
  const isAdded = (key: string): boolean => added.undated.has(key)
  yield* (await reporting(sealing, onError, () => undated(chain, UNDATED, isAdded, sealing))) ?? []
}

/** Days that a loader which stood still may have left, and those that may yet get documents after they were sealed. */
const RECENT_DAYS = 7
const LATE_DAYS = 2
/** To look at more days, one listing of all is cheaper than one for each. */
const MOST_ASKED = 31

/** Those of a range that are finished; null when they are too many to look at one by one. */
function daysOf(range: DayRange | null, openDay: string): string[] | null {
  if (range === null) return []
  const to = Math.min(range.to?.getTime() ?? Number.POSITIVE_INFINITY, Date.parse(openDay))
  const count = (to - (range.from?.getTime() ?? Number.NEGATIVE_INFINITY)) / DAY_MS
  return count > MOST_ASKED ? null : daysBefore(dayText(to), Math.max(0, count))
}

const dayText = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
const daysBefore = (day: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => dayText(Date.parse(day) - (i + 1) * DAY_MS))

/** @param folder the day in the keys */
async function partsOf(chain: SealChain, folder: string, sealing: Sealing, again = false): Promise<readonly Part[]> {
  const phase = phaseOf(folder, sealing.openDay)
  if (phase === 'finished') return finished(chain, folder, sealing, again)
  if (phase === 'open') return []
  const sealed = await chain.undatedKeys()
  return undated(chain, folder, (key) => !sealed.has(shortHash(key)), sealing)
}

/**
 * A finished day, unless its newest seal covers the objects that are there.
 *
 * @param again whether it is wanted also if that seal has documents that could not be counted, because now they may be
 */
async function finished(chain: SealChain, day: string, sealing: Sealing, again: boolean): Promise<readonly Part[]> {
  const objects = await objectsIn(chain.source, day, sealing)
  if (objects.length === 0) return []
  const newest = await chain.newestOf(day)
  const isCovered = newest?.sealed?.coverage.equals(coverageOfObjects(objects)) ?? false
  if (isCovered && !(again && (newest?.sealed?.uncounted ?? 0) > 0)) return []
  return [{ day, folder: day, objects }]
}

/** Documents that have no day, or one to come: each is sealed once, because their number has no bound. */
async function undated(
  chain: SealChain,
  folder: string,
  isWanted: (key: string) => boolean,
  sealing: Sealing,
): Promise<readonly Part[]> {
  const objects = (await objectsIn(chain.source, folder, sealing)).filter(({ key }) => isWanted(key))
  const parts: Part[] = []
  for (let i = 0; i < objects.length; i += TOGETHER.documents)
    parts.push({ day: null, folder, objects: objects.slice(i, i + TOGETHER.documents) })
  return parts
}

async function objectsIn(source: string, folder: string, { place, signal }: Sealing): Promise<Listed[]> {
  const objects: Listed[] = []
  for await (const object of objectsOf(place, signal, dayFolder(source, folder))) {
    const key = object.key.slice(place.prefix.length)
    const parsed = parseKey(key)
    if (parsed !== null) objects.push({ key, object, sha256: parsed.sha256 })
  }
  return objects
}

/** @param days day in the keys → its objects */
async function* partsIn(
  chain: SealChain,
  days: ReadonlyMap<string, Coverage>,
  sealing: Sealing,
  onError: OnError,
): AsyncGenerator<Part> {
  const newest = new Map<string, Link>()
  for await (const link of chain.newestFirst()) {
    const day = link.sealed?.day
    if (day != null && !newest.has(day)) newest.set(day, link)
  }
  for (const [day, coverage] of [...days].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const known = newest.get(day)?.sealed
    if (known != null && known.uncounted === 0 && known.coverage.equals(coverage)) continue
    yield* (await reporting(sealing, onError, () => partsOf(chain, day, sealing, true))) ?? []
  }
}

/** Source → day in the keys → its objects. @param folder below the archive's prefix */
async function foldersIn({ place, signal }: Sealing, folder = ''): Promise<Map<string, Map<string, Coverage>>> {
  const sources = new Map<string, Map<string, Coverage>>()
  for await (const object of objectsOf(place, signal, folder)) {
    const key = object.key.slice(place.prefix.length)
    const parsed = parseKey(key)
    if (parsed === null) continue
    const days = sources.get(parsed.source) ?? new Map<string, Coverage>()
    sources.set(parsed.source, days)
    days.set(parsed.day, (days.get(parsed.day) ?? new Coverage()).add(key))
  }
  return sources
}
