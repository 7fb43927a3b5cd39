/** How a report writes numbers and times: in English and UTC, the same on every machine. */

export const number = (value: number): string => value.toLocaleString('en')

/** `1 day`, `2 days` */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${number(count)} ${count === 1 ? noun : plural}`

/** `2026-10-01 12:34:56`, from RFC 3339; fractions of a second are dropped. */
export const instantText = (instant: string): string => instant.replace('T', ' ').replace(/(?:\.\d+)?Z$/, '')

const UNITS: readonly (readonly [milliseconds: number, name: string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
]

/** `3 hours`: in the largest unit that fits, rounded down. */
export function durationText(milliseconds: number): string {
  const [size, name] = UNITS.find(([unit]) => milliseconds >= unit) ?? [60_000, 'minute']
  return counted(Math.floor(milliseconds / size), name)
}
