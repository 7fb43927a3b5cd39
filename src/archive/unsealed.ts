/** Finds what is to be sealed: after a load, or in the whole archive. */

import type { DayRange } from '../contract.js'
import { AuditError } from '../errors.js'
import { type Added, objectsOf } from './archive.js'
import { type Link, SealChain } from './chain.js'
import { parseKey, sourceFolder, UNDATED } from './format.js'
import { Coverage, shortHash } from './seal.js'
import { phaseOf, type Sealing, sealDay, sealUndated } from './sealing.js'

const DAY_MS = 86_400_000

/** Called for each day that could not be sealed; the others are. */
type OnError = (error: AuditError) => void

/** Lists the whole archive, and seals whatever is not sealed and whose day is finished. */
export async function sealAll(sealing: Sealing, onError: OnError): Promise<void> {
  for (const [source, days] of await foldersIn(sealing)) {
    const chain = await SealChain.open(sealing.place, source, sealing.signal)
    await sealFolders(chain, days, sealing, onError)
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
  const { source, range, added } = loaded
  const { place, signal, openDay } = sealing
  const chain = await SealChain.open(place, source, signal)
  const asked = daysOf(range, openDay)
  if (asked === null) {
    const days = (await foldersIn(sealing, sourceFolder(source))).get(source)
    return sealFolders(chain, days ?? new Map(), sealing, onError)
  }
  const latest = (await chain.head())?.sealed?.latest_day ?? ''
  const recent = daysBefore(openDay, RECENT_DAYS).filter((day, i) => i < LATE_DAYS || day > latest)
  for (const day of [...new Set([...added.days, ...asked, ...recent])].sort())
    await reporting(sealing, onError, () => sealFolder(chain, day, sealing))
  if (added.undated.size > 0)
    await reporting(sealing, onError, () => sealUndated(chain, UNDATED, (key) => added.undated.has(key), sealing))
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

async function sealFolder(chain: SealChain, day: string, sealing: Sealing): Promise<void> {
  const phase = phaseOf(day, sealing.openDay)
  if (phase === 'finished') return sealDay(chain, day, sealing)
  if (phase === 'open') return
  const sealed = await chain.undatedKeys()
  await sealUndated(chain, day, (key) => !sealed.has(shortHash(key)), sealing)
}

/** @param days day in the keys → its objects */
async function sealFolders(
  chain: SealChain,
  days: ReadonlyMap<string, Coverage>,
  sealing: Sealing,
  onError: OnError,
): Promise<void> {
  const newest = new Map<string, Link>()
  for await (const link of chain.newestFirst()) {
    const day = link.sealed?.day
    if (day != null && !newest.has(day)) newest.set(day, link)
  }
  for (const [day, coverage] of [...days].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const known = newest.get(day)?.sealed
    if (known != null && known.uncounted === 0 && known.coverage.equals(coverage)) continue
    await reporting(sealing, onError, () =>
      phaseOf(day, sealing.openDay) === 'finished'
        ? sealDay(chain, day, sealing, true)
        : sealFolder(chain, day, sealing),
    )
  }
}

/** @throws what is not the fault of the documents */
async function reporting({ signal }: Sealing, onError: OnError, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (signal.aborted || !(error instanceof AuditError) || error.outside) throw error
    onError(error)
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
