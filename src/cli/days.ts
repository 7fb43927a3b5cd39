/** The UTC days a command is about. */

import type { Command } from 'commander'
import type { DayRange } from '../contract.js'
import { usageError } from '../errors.js'
import { wholeNumber } from './options.js'

export interface DayFlags {
  readonly days?: number
  readonly since?: string
  readonly until?: string
}

const DAY_MS = 86_400_000

/** No W&B server is this old; a larger number is a typo that would cost a request for each day. */
const MOST_DAYS = 10_000

/**
 * @param last what --days means, for the help
 * @param end  what applies without --until, for the help
 */
export const withDays = (command: Command, last: string, end: string): Command =>
  command
    .option('--days <n>', last, wholeNumber)
    .option('--since <day>', 'from this UTC day on, YYYY-MM-DD')
    .option('--until <day>', `up to this UTC day, exclusive; ${end}`)

/** @throws AuditError, exit code 2, when the flags do not specify a range */
export function rangeOfDays({ days, since, until }: DayFlags, now: Date, command: string): DayRange {
  if ((days === undefined) === (since === undefined)) {
    throw usageError(`${command} needs either --days or --since`, 'For example --days 30, or --since 2026-01-01.')
  }
  if (days !== undefined && days > MOST_DAYS) throw usageError(`--days is more than ${MOST_DAYS}`)
  const to = until === undefined ? null : dayFrom(until, '--until')
  const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS
  const from = since === undefined ? new Date(today - (days ?? 0) * DAY_MS) : dayFrom(since, '--since')
  const daysAgo = (today - from.getTime()) / DAY_MS
  if (daysAgo > MOST_DAYS) throw usageError(`--since is more than ${MOST_DAYS} days ago`)
  // Allows one day, because the server's clock may be ahead of this machine's.
  if (daysAgo < -1) throw usageError('--since is in the future, so there is no day to fetch')
  if (to !== null && to <= from) throw usageError('--until is not after the first day, so there is no day to fetch')
  return { from, to }
}

function dayFrom(text: string, flag: string): Date {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : new Date(Number.NaN)
  if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(text)) {
    throw usageError(`${flag} is not a day`, 'Write it as YYYY-MM-DD; days are UTC.')
  }
  return day
}
