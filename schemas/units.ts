/** Sizes and durations as an operator writes them. The patterns carry no flags, so that JSON Schema can state them. */

import { usageError } from '../src/errors.js'

export const BYTES_PATTERN = /^([0-9]+(?:\.[0-9]+)?) ?((?:[KkMmGg][Ii]?)?[Bb])$/
export const DURATION_PATTERN = /^([0-9]+)([smhdy])$/

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  y: 366 * 86_400_000,
}

/**
 * Bytes of a size like `512MB`: KB, MB and GB count in thousands, KiB, MiB and GiB in 1024s, in any case.
 * Rounded to whole bytes. Anything else, or less than a byte, is a usage error.
 */
export function parseBytes(text: string): number {
  const [, number = '', unit = ''] = BYTES_PATTERN.exec(text) ?? []
  const bytes = Math.round(Number(number) * (BYTES[unit.toUpperCase()] ?? Number.NaN))
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw usageError('settings: a size could not be read', 'Write a number and a unit, for example 512MB or 1GiB.')
}

/** Milliseconds of a duration like `36h`: s, m, h, d (24 hours) and y (366 days). Anything else is a usage error. */
export function parseDuration(text: string): number {
  const [, number = '', unit = ''] = DURATION_PATTERN.exec(text) ?? []
  const milliseconds = Number(number) * (MILLISECONDS[unit] ?? Number.NaN)
  if (Number.isSafeInteger(milliseconds)) return milliseconds
  throw usageError('settings: a duration could not be read', 'Write a number and a unit, for example 36h or 1d.')
}
