/**
 * Where a listing can begin. Keys that sort by time, as the receipts show, need not all be listed in every run: those of the last
 * days are enough, if the whole bucket is listed once a day. docs/decisions/listing-from-the-newest.md
 */

import type { Document } from '../../contract.js'

const DAY_MS = 86_400_000

/** Objects of the newest day in the bucket and of this many days before it are always listed: late ones, and those that grow. */
const MARGIN_DAYS = 2

/** A listing has this many keys a page: with fewer keys in all there is nothing to save. */
const PAGE = 1000

export interface Listing {
  /** Keys up to this one need not be listed; null: list all. */
  readonly after: string | null
  /** To be yielded after everything else; null when this listing must leave no receipt. */
  readonly checkpoint: Document | null
}

const EVERYTHING: Listing = { after: null, checkpoint: null }

/**
 * Lists everything if a sink has no checkpoint of today (UTC), or if the keys that it knows do not sort by time.
 *
 * @param place    id of the store
 * @param prefix   of the keys to list
 * @param receipts of each sink
 */
export function listingFrom(
  place: string,
  prefix: string,
  receipts: readonly ReadonlyMap<string, string>[],
  now: Date,
): Listing {
  const today = Math.floor(now.getTime() / DAY_MS)
  const begins = `${place}/${prefix}`
  const starts = receipts.map((known) => lastSettled([...known.keys()], begins, today))
  if (starts.length === 0 || starts.includes(null)) return EVERYTHING
  const id = `${place}?listed=${prefix}`
  const day = new Date(today * DAY_MS).toISOString().slice(0, 10)
  if (receipts.some((known) => known.get(id) !== day)) return { after: null, checkpoint: checkpoint(id, day) }
  const least = starts.reduce((a, b) => ((a ?? '') < (b ?? '') ? a : b)) ?? ''
  return { after: least.slice(place.length + 1), checkpoint: null }
}

/** The receipt of a whole listing. No object has such an id: between the bucket and the key is a slash. */
const checkpoint = (id: string, version: string): Document => ({
  id,
  version,
  bytes: 0,
  range: null,
  isNdjson: true,
  checkpoint: true,
  open: async () => (async function* () {})(),
})

/**
 * The greatest id of the days before the margin; null when there is none, when there are few ids, or when ids do not sort by day.
 * A day in the future, which anybody can write into a key, does not move the margin.
 */
function lastSettled(known: readonly string[], begins: string, today: number): string | null {
  const ids = known.filter((id) => id.startsWith(begins))
  if (ids.length <= PAGE) return null
  const days = new Map<number, { least: string; greatest: string }>()
  // The beginning may end in the middle of a name.
  const from = begins.lastIndexOf('/') + 1
  for (const id of ids) {
    const day = dayIn(id.slice(from))
    if (day === null) return null
    const known = days.get(day)
    if (known === undefined) days.set(day, { least: id, greatest: id })
    else if (id < known.least) known.least = id
    else if (id > known.greatest) known.greatest = id
  }
  const inOrder = [...days].sort(([a], [b]) => a - b)
  if (inOrder.some(([, { least }], i) => i > 0 && least <= (inOrder[i - 1]?.[1].greatest ?? ''))) return null
  const newest = Math.min(inOrder.at(-1)?.[0] ?? 0, today)
  return inOrder.findLast(([day]) => day < newest - MARGIN_DAYS)?.[1].greatest ?? null
}

/** 2026-10-01, 2026/10/01, 20261001…: the first one counts. */
const DATE = /(?<!\d)(20\d\d)([-_/.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])/
/** Seconds or milliseconds since 1970, from 2017 to 2033. */
const UNIX_TIME = /(?<!\d)(1[5-9]\d{8})(?:\d{3})?(?!\d)/
const ASCII = /^[\x20-\x7e]*$/

/** The day in a name, counted from 1970. Null if there is none, or if the name has characters that do not sort by their bytes. */
function dayIn(name: string): number | null {
  if (!ASCII.test(name)) return null
  const [, year, , month, date] = DATE.exec(name) ?? []
  if (year !== undefined) return Date.UTC(Number(year), Number(month) - 1, Number(date)) / DAY_MS
  const seconds = UNIX_TIME.exec(name)?.[1]
  return seconds === undefined ? null : Math.floor((Number(seconds) * 1000) / DAY_MS)
}
