/**
 * Which texts are instants.
 *
 * Spec: RFC 3339, section 5.6, narrowed to instants of the years 0001–9999 in UTC, which every warehouse can hold.
 */

export interface TimestampProblem {
  readonly reason: 'bad_timestamp' | 'leap_second'
  /** What is wrong, in words, without the value. */
  readonly message: string
}

/** Written with [0-9] and without groups to capture, so that every JSON Schema validator reads it alike. */
const grammar = (second: string): string =>
  `^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:${second}` +
  '(?:\\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$'

/** What a pattern can say of a timestamp; the calendar and the range are left to `timestampProblem`. */
export const TIMESTAMP_PATTERN = grammar('[0-5][0-9]')

const WITH_LEAP_SECOND = new RegExp(grammar('(?:[0-5][0-9]|60)'))

const MINUTE_MS = 60_000
const FIRST_MINUTE = Date.parse('0001-01-01T00:00:00Z')
const LAST_MINUTE = Date.parse('9999-12-31T23:59:00Z')

const bad = (message: string): TimestampProblem => ({ reason: 'bad_timestamp', message })

/**
 * Says why a text is not an instant; null when it is one. Fraction digits may be any number.
 *
 * A second of 60 is well-formed, but names no instant that a warehouse can hold; it has a reason of its own.
 */
export function timestampProblem(text: string): TimestampProblem | null {
  if (!WITH_LEAP_SECOND.test(text)) return bad('timestamp is not in RFC 3339 format')
  const midnight = Date.parse(`${text.slice(0, 10)}T00:00:00Z`)
  // Date.parse carries a day beyond the end of a short month over into the next one.
  if (Number.isNaN(midnight) || new Date(midnight).getUTCDate() !== Number(text.slice(8, 10)))
    return bad('timestamp names a day that the calendar does not have')
  const minute = midnight + (minutes(text.slice(11, 16)) - offset(text)) * MINUTE_MS
  if (minute < FIRST_MINUTE || minute > LAST_MINUTE) return bad('timestamp is outside of the years 0001 to 9999 in UTC')
  if (text.slice(17, 19) === '60') return { reason: 'leap_second', message: 'timestamp falls in a leap second' }
  return null
}

const minutes = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5))

/** Minutes ahead of UTC. */
function offset(text: string): number {
  if (/[Zz]$/.test(text)) return 0
  return (text.at(-6) === '-' ? -1 : 1) * minutes(text.slice(-5))
}
