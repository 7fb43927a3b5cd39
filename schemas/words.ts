/** Counts and durations in sentences: in English, the same on every machine. */

export const number = (value: number): string => value.toLocaleString('en')

/** `1 day`, `2,000 days`. */
export const plural = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${number(count)} ${count === 1 ? noun : nouns}`

/** A duration in its largest unit that is not below two: `20 seconds`, `3 hours`. */
export function inWords(seconds: number): string {
  const units = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const
  const [unit, size] = units.find(([, size]) => seconds >= 2 * size) ?? ['second', 1]
  return plural(Math.floor(seconds / size), unit)
}
