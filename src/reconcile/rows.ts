/** Which rows only some parties have, in the hours that differ; one day at a time, in the engine, which spills. */

import type { Span } from '../../schemas/day-digest.js'
import type { QueryResult } from '../contract.js'
import type { Engine } from '../transform/engine.js'
import { type Compared, dayOf, startOf } from './hours.js'

/** Rows of one hour that not every party has exactly once. */
export interface Difference {
  /** `2026-10-01 12` */
  readonly hour: string
  /** How many copies of each of these rows a party has, in the order of the parties. */
  readonly copies: readonly number[]
  readonly rows: number
  /** The content_hash of a few of them. Anything else that somebody wrote into that column is left out. */
  readonly hashes: readonly string[]
}

/** Adds the identities of the spans to the engine's table `compared` (party, utc, content_hash). */
export type Fetch = (engine: Engine, party: number, spans: readonly Span[]) => Promise<void>

/** Of a difference, for the report. */
export const MOST_HASHES = 3
const HOUR_MS = 3_600_000

/**
 * @param hours   those that differ
 * @param fetches one for each party
 */
export async function* differences(
  engine: Engine,
  hours: readonly Compared[],
  fetches: readonly Fetch[],
): AsyncGenerator<Difference> {
  for (const day of new Set(hours.map(({ at }) => dayOf(at)))) {
    const ofDay = hours.filter(({ at }) => dayOf(at) === day)
    await engine.run('CREATE OR REPLACE TABLE compared (party INTEGER, utc VARCHAR, content_hash VARCHAR)')
    for (const [party, fetch] of fetches.entries()) {
      const spans = spansOf(ofDay.filter(({ counts }) => (counts[party]?.events ?? 0) > 0))
      if (spans.length > 0) await fetch(engine, party, spans)
    }
    const copies = fetches.map((_, party) => `count(*) FILTER (party = ${party})`)
    for (const { hour, copies: listed, rows, hashes } of await engine.rows(`
      SELECT utc[:13] AS hour, array_to_string(copies, ',') AS copies, count(*) AS rows,
        coalesce(array_to_string(min(content_hash, ${MOST_HASHES})
          FILTER (regexp_full_match(content_hash, '[0-9a-f]{64}')), ','), '') AS hashes
      FROM (SELECT utc, content_hash, [${copies.join(', ')}] AS copies FROM compared GROUP BY utc, content_hash)
      WHERE copies <> [${fetches.map(() => 1).join(', ')}]
      GROUP BY 1, 2 ORDER BY 1, 2`))
      yield {
        hour: String(hour),
        copies: String(listed).split(',').map(Number),
        rows: Number(rows),
        hashes: String(hashes).split(',').filter(Boolean),
      }
  }
  await engine.run('DROP TABLE IF EXISTS compared')
}

/** Neighbouring hours in one span. */
function spansOf(hours: readonly Compared[]): Span[] {
  const spans: Span[] = []
  for (const { at } of hours) {
    const [from, to] = [new Date(startOf(at)), new Date(startOf(at) + HOUR_MS)]
    const last = spans.at(-1)
    if (last?.to.getTime() === from.getTime()) spans[spans.length - 1] = { from: last.from, to }
    else spans.push({ from, to })
  }
  return spans
}

/** Fetches from a relation of the engine. @param select SQL for utc and content_hash in the spans */
export const fromEngine =
  (select: (spans: readonly Span[]) => string): Fetch =>
  async (engine, party, spans) => {
    await engine.run(`INSERT INTO compared SELECT ${party}, utc, content_hash FROM (${select(spans)})`)
  }

/** Fetches from a sink, as its rows arrive. */
export const fromSink =
  (query: (spans: readonly Span[]) => Promise<QueryResult>): Fetch =>
  async (engine, party, spans) => {
    const { rows } = await query(spans)
    const appender = await engine.connection.createAppender('compared')
    try {
      let pending = 0
      for await (const [utc, hash] of rows) {
        appender.appendInteger(party)
        appender.appendVarchar(String(utc))
        appender.appendVarchar(String(hash ?? ''))
        appender.endRow()
        if (++pending % FLUSHED_AT === 0) appender.flushSync()
      }
    } finally {
      appender.closeSync()
    }
  }

const FLUSHED_AT = 100_000
