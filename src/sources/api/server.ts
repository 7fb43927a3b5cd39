/** Asks a server for parts of a day, in whatever windows it serves. */

import { AuditError } from '../../errors.js'
import type { Dialect } from './address.js'
import { allPages, type Windows, wholeLines } from './answers.js'
import type { ApiClient, Query } from './client.js'
import { DAY_MS, type Day, dayOf, dayText } from './days.js'
import { wrongDialect } from './failures.js'
import type { Lines } from './read-day.js'
import type { Span } from './readings.js'

/** A classic server counts back from its own current day, which near midnight may differ from ours. */
const MIDNIGHT_MARGIN_MS = 3_600_000

/** Events per page; W&B allows 20,000 and 1,000,000. Pages of 100,000 keep a busy server's answers short. */
const PAGE_LIMIT = { current: 20_000, 'multi-tenant': 100_000 }

export interface ServerOptions {
  readonly client: ApiClient
  readonly dialect: Dialect
  readonly windows: Windows
  /** Sent with every request. */
  readonly common: Query
  readonly pageLimit: number | undefined
  /** The later of this machine's and the server's clock. */
  latest(): Date
}

export interface Server {
  /** Whether it cannot end before now. */
  readonly isOnward: boolean
  /** Whether its answers are pages, whose events arrive one per line. */
  readonly hasPages: boolean
  /**
   * The events of these spans of a day, or more. Once a server has answered with other times than it was asked for, it is asked
   * for whole days only.
   *
   * @throws AuditError, retryable, when an answer does not arrive whole
   */
  ask(day: Day, spans: readonly Span[], signal: AbortSignal): AsyncIterable<Lines>
}

export function server({ client, dialect, windows, common, pageLimit, latest }: ServerOptions): Server {
  const { address } = client
  let servesSeconds = windows === 'seconds'

  async function pages(query: Query, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const limit = pageLimit ?? (dialect === 'multi-tenant' ? PAGE_LIMIT['multi-tenant'] : PAGE_LIMIT.current)
    const limited = { ...common, ...query, limit: String(limit) }
    return allPages(client, limited, await client.get(limited, signal), signal)
  }

  async function stream(query: Query, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return wholeLines(address, await client.get({ ...common, ...query }, signal))
  }

  /** `numDays` counts forward or backward from `startDate`, depending on the server: only 0 is the same to all. */
  function wholeDay(day: Day, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const startDate = dayText(day)
    if (dialect === 'current') return pages({ startDate, endDate: dayText(day + 1) }, signal)
    return (dialect === 'between' ? stream : pages)({ startDate, numDays: '0' }, signal)
  }

  async function* ask(day: Day, spans: readonly Span[], signal: AbortSignal): AsyncGenerator<Lines> {
    const range = { from: day * DAY_MS, to: (day + 1) * DAY_MS }
    if (windows === 'onward') {
      const numDays = dayOf(new Date(latest().getTime() + MIDNIGHT_MARGIN_MS)) - day
      // Near midnight it may begin a day early. What comes later is left to the days it belongs to.
      yield {
        chunks: await stream({ numDays: String(numDays) }, signal),
        range: { from: range.from - DAY_MS, to: range.to + (numDays + 1) * DAY_MS },
      }
    } else if (!servesSeconds || spans.every(({ from, to }) => from === range.from && to === range.to)) {
      yield { chunks: await wholeDay(day, signal), range, ...(dialect === 'between' ? { onOutside: notBetween } : {}) }
    } else {
      for (const span of spans) {
        const chunks = await pages({ startDate: secondText(span.from), endDate: secondText(span.to) }, signal)
        yield { chunks, range: span, onOutside }
      }
    }
  }

  /** A classic server ignores `startDate`: it would send today under the name of every day. */
  function notBetween(): never {
    throw wrongDialect(address, dialect, 'classic')
  }

  function onOutside(): never {
    servesSeconds = false
    throw new AuditError(`${address.endpoint} answered with events of other hours than asked for; none was loaded`, {
      retryable: true,
      advice: 'It is asked for whole days now.',
    })
  }

  return { isOnward: windows === 'onward', hasPages: dialect === 'current' || dialect === 'multi-tenant', ask }
}

/** `2026-10-01T12:34:56`, in UTC */
const secondText = (at: number): string => new Date(at).toISOString().slice(0, 19)
