/** Compares counts and digests hour by hour, and finds the holes. */

/** What one party (a source or a sink) has of an hour: how many events, and their digest. */
export interface HourCount {
  readonly events: number
  readonly digest: bigint
}

/** `2026-10-01 12` → what a party has of it; hours without events are absent. */
export type Hours = ReadonlyMap<string, HourCount>

export interface Party {
  readonly name: string
  readonly kind: 'source' | 'sink'
  readonly hours: Hours
}

/** A UTC hour or day, and what each party has of it, in the order of the parties. */
export interface Compared {
  /** `2026-10-01 12`, or `2026-10-01`. */
  readonly at: string
  readonly counts: readonly HourCount[]
  readonly isEqual: boolean
}

/** Hours in which a party has no event, although others have some in each of them. */
export interface Hole {
  readonly party: string
  /** `stopped`: nothing follows the hole. For a source that is so only where another source goes on. */
  readonly kind: 'hole' | 'stopped'
  /** UTC, as text to the hour. A hole that covers all events of a day begins or ends with that day. */
  readonly from: string
  /** Exclusive. */
  readonly until: string
  /** The most events that another party has in these hours. */
  readonly events: number
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

const NOTHING: HourCount = { events: 0, digest: 0n }

/** All hours in which any party has events, in their order. */
export function comparedHours(parties: readonly Party[]): readonly Compared[] {
  const all = new Set(parties.flatMap(({ hours }) => [...hours.keys()]))
  return [...all].sort().map((at) =>
    compared(
      at,
      parties.map(({ hours }) => hours.get(at) ?? NOTHING),
    ),
  )
}

/** The days of the range, those without events too. The digest of a day is the sum of its hours'. */
export function comparedDays(hours: readonly Compared[], from: Date, to: Date, parties: number): readonly Compared[] {
  const days = new Map<string, Compared[]>()
  for (let at = from.getTime(); at < to.getTime(); at += DAY_MS) days.set(dayOf(textOf(at)), [])
  for (const hour of hours) days.get(dayOf(hour.at))?.push(hour)
  return [...days].map(([at, ofDay]) => {
    const counts = Array.from({ length: parties }, (_, i) =>
      ofDay.reduce((sum, { counts }) => added(sum, counts[i] ?? NOTHING), NOTHING),
    )
    // Not from the sums: what is missing in one hour might be extra in another.
    return { at, counts, isEqual: ofDay.every(({ isEqual }) => isEqual) }
  })
}

function compared(at: string, counts: readonly HourCount[]): Compared {
  const [first = NOTHING, ...others] = counts
  const isEqual = others.every(({ events, digest }) => events === first.events && digest === first.digest)
  return { at, counts, isEqual }
}

const added = (a: HourCount, b: HourCount): HourCount => ({
  events: a.events + b.events,
  digest: a.digest + b.digest,
})

/** @param hours all with events in any party, in their order */
export function holesOf(parties: readonly Party[], hours: readonly Compared[]): readonly Hole[] {
  return parties.flatMap((_, party) =>
    runs(hours, ({ counts }) => counts[party]?.events === 0).map(([first, end]) =>
      holeOf(parties, hours, party, first, end),
    ),
  )
}

function holeOf(
  parties: readonly Party[],
  hours: readonly Compared[],
  party: number,
  first: number,
  end: number,
): Hole {
  const within = hours.slice(first, end)
  const totals = parties.map((_, i) => within.reduce((sum, { counts }) => sum + (counts[i]?.events ?? 0), 0))
  const [from = '', last = ''] = [within[0]?.at, within.at(-1)?.at]
  const ownKind = parties[party]?.kind
  // One event that only a sink has must not make every source look as if it were no longer written to.
  const goesOn = parties.some(({ kind }, i) => (ownKind === 'sink' || kind === 'source') && (totals[i] ?? 0) > 0)
  const beginsDay = dayOf(hours[first - 1]?.at ?? '') !== dayOf(from)
  const endsDay = dayOf(hours[end]?.at ?? '') !== dayOf(last)
  return {
    party: parties[party]?.name ?? '',
    kind: end === hours.length && goesOn ? 'stopped' : 'hole',
    from: beginsDay && coversDay(from, last, endsDay) ? `${dayOf(from)} 00` : from,
    until: textOf(
      endsDay && coversDay(last, from, beginsDay) ? startOf(dayOf(last)) + DAY_MS : startOf(last) + HOUR_MS,
    ),
    events: Math.max(...totals),
  }
}

/**
 * Whether a hole that reaches the boundary of the day at one end covers that day whole.
 *
 * @param reaches whether it reaches the boundary at its other end too
 */
const coversDay = (end: string, other: string, reaches: boolean): boolean => dayOf(end) !== dayOf(other) || reaches

/** The longest stretches [first, end) of neighbours that fulfil a condition. */
function runs<T>(all: readonly T[], fulfils: (each: T) => boolean): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = []
  let first: number | null = null
  for (let i = 0; i <= all.length; i++) {
    const each = all[i]
    const isIn = each !== undefined && fulfils(each)
    if (isIn && first === null) first = i
    if (!isIn && first !== null) {
      found.push([first, i])
      first = null
    }
  }
  return found
}

/** Days without any event anywhere, after one with events: equal, but worth knowing. */
export function silentDays(days: readonly Compared[]): readonly string[] {
  const has = ({ counts }: Compared): boolean => counts.some(({ events }) => events > 0)
  const first = days.findIndex(has)
  return first === -1 ? [] : days.slice(first).flatMap((day) => (has(day) ? [] : [day.at]))
}

export const dayOf = (at: string): string => at.slice(0, 10)
/** Milliseconds of the start of an hour or a day given as text. */
export const startOf = (at: string): number => Date.parse(at.length === 10 ? at : `${at.replace(' ', 'T')}:00Z`)
const textOf = (ms: number): string => new Date(ms).toISOString().slice(0, 13).replace('T', ' ')
