/** What every warehouse must answer to the questions of a report: one suite for all. */

import { expect, it } from 'vitest'
import type { Span } from '../../schemas/day-digest.js'
import type { Sink, Value } from '../../src/contract.js'
import { loadInto, ndjson } from '../support/load.js'

const RANGE: Span = { from: new Date('2026-10-01T00:00:00Z'), to: new Date('2026-10-04T00:00:00Z') }

const ada = { actor_user_id: 7, actor_email: 'ada@example.com', response_code: 200 }
const event = (timestamp: string, action: string, more = {}) => ({ timestamp, action, ...ada, ...more })
const reads = (day: string, count: number) =>
  Array.from({ length: count }, (_, i) =>
    event(`${day}T10:00:00Z`, 'artifact:read', { artifact_asset: i, actor_ip: '10.0.0.1' }),
  )

const EVENTS = ndjson(
  // Before the report: Ada's usual address, and her usual days.
  ...reads('2026-09-20', 3),
  ...reads('2026-09-21', 20),
  ...reads('2026-09-22', 30),
  ...reads('2026-10-01', 25),
  ...reads('2026-10-02', 200),
  // A refused read takes nothing.
  event('2026-10-02T11:00:00Z', 'artifact:read', { artifact_asset: 1, actor_ip: '10.0.0.1', response_code: 403 }),
  // Two more in the hour of Friday, 23:00.
  event('2026-10-02T23:00:00Z', 'user:create_api_key', {
    user_asset: 7,
    user_email: 'ada@example.com',
    actor_ip: '203.0.113.9',
  }),
  event('2026-10-02T23:59:59.999999Z', 'run:delete', { project_asset: 1, actor_ip: '203.0.113.9' }),
  event('2026-10-02T12:00:00Z', 'run:delete', { project_asset: 2 }),
  event('2026-10-02T12:00:01Z', 'run:delete', { project_asset: 3, response_code: 403 }),
  // A refused log-in names nobody.
  { timestamp: '2026-10-02T22:00:00Z', action: 'user:login', response_code: 401, actor_ip: '203.0.113.9' },
  { timestamp: '2026-10-02T22:00:09Z', action: 'user:login', response_code: 401, actor_ip: '203.0.113.9' },
  event('2026-10-02T22:01:00Z', 'user:login', { actor_ip: '203.0.113.9' }),
  event('2026-10-03T08:00:00Z', 'organization:update_member', {
    user_asset: 9,
    user_email: 'eve@example.com',
    entity_name: 'x'.repeat(2000),
  }),
  event('2026-10-03T09:00:00Z', 'model:delete', { run_asset: 5 }),
  // Outside the report.
  event('2026-10-04T00:00:00Z', 'user:create_api_key'),
  '{cut',
)

type Row = Readonly<Record<string, Value>>

/** The rows of each question; numbers as numbers, whatever the warehouse gives. */
async function answersOf(sink: Sink): Promise<Record<string, Row[]>> {
  const answers: Record<string, Row[]> = {}
  for (const { name, sql } of await sink.questions.report(RANGE)) {
    const { columns, rows } = await sink.query(sql)
    const found: Row[] = []
    for await (const row of rows)
      found.push(
        Object.fromEntries(
          columns.map(({ name }, i) => [name, typeof row[i] === 'bigint' ? Number(row[i]) : (row[i] ?? null)]),
        ),
      )
    answers[name] = found
  }
  return answers
}

/** @param newSink prepared and empty */
export function reportAnswers(name: string, newSink: () => Promise<Sink>): void {
  it(`${name} answers every question of a report`, async () => {
    const sink = await newSink()
    const empty = await answersOf(sink)
    expect(empty.totals).toEqual([{ events: 0, actors: 0, addresses: 0, refused: 0, newest: null }])
    expect(empty.hours).toEqual([])

    await loadInto(sink, { 'a.ndjson': EVENTS })
    const answers = await answersOf(sink)
    await sink.close()

    expect(answers.totals).toEqual([
      { events: 235, actors: 1, addresses: 2, refused: 4, newest: '2026-10-03T09:00:00Z' },
    ])
    expect(answers.hours).toEqual(
      expect.arrayContaining([
        { day: '2026-10-02', utc_hour: 10, category: 'read', events: 200, refused: 0 },
        { day: '2026-10-02', utc_hour: 22, category: 'auth', events: 3, refused: 2 },
        { day: '2026-10-02', utc_hour: 23, category: 'write', events: 1, refused: 0 },
        { day: '2026-10-03', utc_hour: 9, category: 'undocumented', events: 1, refused: 0 },
      ]),
    )
    expect(answers.coverage).toEqual([
      { first_day: '2026-10-01', last_day: '2026-10-04', at_midnight: true, documents: 1 },
    ])
    expect(answers.keys_created).toMatchObject([
      { happened_at: '2026-10-02T23:00:00Z', actor_user_id: '7', actor_ip: '203.0.113.9', total: 1 },
    ])
    expect(answers.refused_logins).toMatchObject([
      { actor_user_id: null, actor_ip: '203.0.113.9', refused: 2, succeeded: 0, last_refused: '2026-10-02T22:00:09Z' },
    ])
    expect(answers.new_addresses).toMatchObject([
      {
        actor_email: 'ada@example.com',
        actor_ip: '203.0.113.9',
        first_seen: '2026-10-02T22:01:00Z',
        events: 3,
        known_since: '2026-09-20T10:00:00Z',
      },
    ])
    // 3, 20, 25, 30: the day itself is left out.
    expect(answers.heavy_readers).toMatchObject([
      { actor_user_id: '7', day: '2026-10-02', reads: 200, other_days: 4, total: 1 },
    ])
    expect(Number(answers.heavy_readers?.[0]?.median_reads)).toBe(22.5)
    expect(Number(answers.heavy_readers?.[0]?.factor)).toBeCloseTo(8.89, 2)
    expect(answers.deletions).toMatchObject([
      { action: 'run:delete', events: 2, projects: 2, first_at: '2026-10-02T12:00:00Z' },
      { action: 'model:delete', events: 1, projects: 0 },
    ])
    expect(answers.admin_changes).toMatchObject([{ action: 'organization:update_member', user_asset: '9' }])
    expect(String(answers.admin_changes?.[0]?.entity_name)).toBe('x'.repeat(300))
    expect(answers.sources).toMatchObject([{ source: 'test', documents: 1, total: 1 }])
    expect(answers.unknown_actions).toMatchObject([{ action: 'model:delete', events: 1 }])
    expect(answers.unknown_keys).toMatchObject([{ undocumented_key: 'run_asset', events: 1 }])
  })
}
