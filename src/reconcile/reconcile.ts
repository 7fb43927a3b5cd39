/** Compares sources and sinks: first counts and digests by hour, then the rows of the hours that differ. */

import type { Span } from '../../schemas/day-digest.js'
import { DUCKDB_DIGEST, hourDigests, identities, isWithin } from '../../schemas/day-digest.js'
import type { QueryResult, Sink } from '../contract.js'
import type { Engine } from '../transform/engine.js'
import {
  type Compared,
  comparedDays,
  comparedHours,
  type Hole,
  type HourCount,
  type Hours,
  holesOf,
  type Party,
  silentDays,
} from './hours.js'
import type { Ledger } from './ledger.js'
import { type Difference, differences, type Fetch, fromEngine, fromSink } from './rows.js'

/** A source or a sink that can be asked for its events. */
export interface Subject extends Omit<Party, 'hours'> {
  hours(engine: Engine, span: Span, salt: string): Promise<Hours>
  readonly fetch: Fetch
}

export interface Report {
  readonly span: Span
  readonly salt: string
  readonly parties: readonly Party[]
  readonly days: readonly Compared[]
  /** Those that differ. */
  readonly hours: readonly Compared[]
  readonly differences: readonly Difference[]
  readonly holes: readonly Hole[]
  /** Days without an event in any party, after one with events. */
  readonly silent: readonly string[]
}

/**
 * @param salt hexadecimal digits, new for each comparison: rows that would balance each other's digests cannot be made beforehand
 * @throws what the sinks throw
 */
export async function compare(engine: Engine, subjects: readonly Subject[], span: Span, salt: string): Promise<Report> {
  const parties: Party[] = []
  for (const { name, kind, hours } of subjects) parties.push({ name, kind, hours: await hours(engine, span, salt) })
  const all = comparedHours(parties)
  const hours = all.filter(({ isEqual }) => !isEqual)
  const found: Difference[] = []
  const fetches = subjects.map(({ fetch }) => fetch)
  for await (const difference of differences(engine, hours, fetches)) found.push(difference)
  const days = comparedDays(all, span.from, span.to, parties.length)
  return {
    ...{ span, salt, parties, days, hours },
    differences: found,
    holes: holesOf(parties, all),
    silent: silentDays(days),
  }
}

/** @param source its id in the ledger */
export function sourceSubject(name: string, ledger: Ledger, source: string): Subject {
  const eventsOf = (spans: readonly Span[]): string => {
    return `(${ledger.eventsOf(source, isWithin(DUCKDB_DIGEST, spans))})`
  }
  return {
    ...{ name, kind: 'source' },
    async hours(engine, span, salt) {
      const rows = await engine.rows(hourDigests(DUCKDB_DIGEST, eventsOf([span]), span, salt))
      return new Map(
        rows.map(({ utc_hour, events, digest }) => [String(utc_hour), countOf(String(events), String(digest))]),
      )
    },
    fetch: fromEngine((spans) => identities(DUCKDB_DIGEST, eventsOf(spans), spans)),
  }
}

export function sinkSubject(name: string, { query, questions }: Pick<Sink, 'query' | 'questions'>): Subject {
  return {
    ...{ name, kind: 'sink' },
    async hours(_engine, span, salt) {
      const { rows }: QueryResult = await query(await questions.hourDigests(span, salt))
      const hours = new Map<string, HourCount>()
      for await (const [hour, events, digest] of rows)
        hours.set(String(hour), countOf(String(events), String(digest ?? 0)))
      return hours
    },
    fetch: fromSink(async (spans) => query(await questions.identities(spans))),
  }
}

const countOf = (events: string, digest: string): HourCount => ({ events: Number(events), digest: BigInt(digest) })
