/** The views of what accounts do, on the attack of issue reports and on what must not be taken for one, in each warehouse. */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { parquetSink } from '../../sinks/parquet/index.js'
import type { Sink } from '../../src/contract.js'
import { type Azurite, startAzurite } from '../emulators/azurite.js'
import { newPlace } from '../sinks/bigquery/support.js'
import { newPlace as newFabric } from '../sinks/fabric/place.js'
import { newSink, standIns } from '../sinks/redshift/support.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { type RowObject, rowsOf } from '../support/rows.js'

const on = standIns()
let azurite: Azurite
beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)
afterAll(() => azurite.close())

const at = (time: string): string => `2026-10-${time}Z`
const ada = { actor_user_id: 1, actor_email: 'ada@example.com', actor_ip: '10.0.0.1' }
const eve = { actor_user_id: 2, actor_ip: '203.0.113.9' }

const EVENTS = [
  // Work, a pause of exactly half an hour, which is none, and one that is a microsecond longer.
  { timestamp: at('01T08:00:00'), action: 'artifact:read', ...ada },
  { timestamp: at('01T08:30:00'), action: 'artifact:read', ...ada, response_code: 403 },
  { timestamp: at('01T09:00:00.000001'), action: 'run:delete', ...ada, actor_ip: '10.0.0.2', response_code: 200 },
  // Two of one instant belong to one session.
  { timestamp: at('01T09:00:00.000001'), action: 'team:invite_user', ...ada, response_code: 200 },
  // Dormant, then a log-in that works after two refused ones without an id, a key, and reads with it.
  { timestamp: at('01T07:00:00'), action: 'project:read', ...eve, actor_ip: '10.0.0.7' },
  {
    timestamp: at('20T03:00:00'),
    action: 'user:login',
    actor_ip: eve.actor_ip,
    user_email: 'eve@example.com',
    response_code: 401,
  },
  { timestamp: at('20T03:00:10'), action: 'user:login', actor_ip: eve.actor_ip, response_code: 401 },
  { timestamp: at('20T03:01:00'), action: 'user:login', ...eve, response_code: 200 },
  { timestamp: at('20T03:01:20'), action: 'user:create_api_key', ...eve, user_asset: 2, response_code: 200 },
  { timestamp: at('20T03:02:00'), action: 'artifact:read', ...eve, response_code: 200 },
  { timestamp: at('20T03:03:00'), action: 'artifact:read', ...eve, response_code: 200 },
  // A request that is refused, and is no log-in; a key that nobody is known to have deleted.
  { timestamp: at('20T04:00:00'), action: 'project:read', actor_user_id: 3, response_code: 403 },
  { timestamp: at('21T00:00:00'), action: 'user:delete_api_key', user_asset: 2, response_code: 200 },
  { timestamp: at('21T00:00:00'), action: 'user:initiate_login', actor_ip: '10.0.0.1' },
  { timestamp: at('21T00:00:01'), action: 'user:login', ...ada },
]

const SINKS: Readonly<Record<string, () => Promise<Sink>>> = {
  DuckDB: async () => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} }),
  'the lake': () => parquetSink(`parquet:${newFolder()}`, never),
  BigQuery: async () => (await newPlace()).open(),
  'BigQuery with a required filter': async () => (await newPlace()).open('require_partition_filter=true'),
  Redshift: () => newSink(on),
  async Fabric() {
    const sink = (await newFabric(azurite)).mirrored()
    await sink.prepare()
    return sink
  },
}

const plain = (rows: readonly RowObject[]): unknown[] =>
  rows.map((row) => Object.values(row).map((value) => (typeof value === 'bigint' ? Number(value) : value)))

describe.each(Object.entries(SINKS))('%s', (_name, open) => {
  let sink: Sink
  beforeAll(async () => {
    sink = await open()
    // Half of it late: a view depends on the events only.
    await loadInto(sink, { a: ndjson(...EVENTS.filter((_, i) => i % 2 === 0)) })
    await loadInto(sink, { b: ndjson(...EVENTS.filter((_, i) => i % 2 === 1)) })
  }, 180_000)
  afterAll(() => sink.close())

  it('tells sessions by the pauses between events', async () => {
    const rows = await rowsOf(
      sink,
      `SELECT actor, actor_email, started_at, ended_at, seconds, away_seconds, actor_ip, addresses, events, refused, artifact_reads,
         destructive, admin, keys_created
       FROM audit_sessions ORDER BY actor, started_at`,
    )
    const email = 'ada@example.com'
    expect(plain(rows)).toEqual([
      ['1', email, at('01T08:00:00'), at('01T08:30:00'), 1800, null, '10.0.0.1', 1, 2, 1, 1, 0, 0, 0],
      ['1', email, at('01T09:00:00.000001'), at('01T09:00:00.000001'), 0, 1800, '10.0.0.1', 2, 2, 0, 0, 1, 1, 0],
      ['1', email, at('21T00:00:01'), at('21T00:00:01'), 0, 1_695_600, '10.0.0.1', 1, 1, 0, 0, 0, 0, 0],
      ['2', null, at('01T07:00:00'), at('01T07:00:00'), 0, null, '10.0.0.7', 1, 1, 0, 0, 0, 0, 0],
      ['2', null, at('20T03:01:00'), at('20T03:03:00'), 120, 1_627_260, '203.0.113.9', 1, 4, 0, 2, 0, 0, 1],
      ['3', null, at('20T04:00:00'), at('20T04:00:00'), 0, null, null, 0, 1, 1, 0, 0, 0, 0],
    ])
  })

  it('shows log-ins apart from other refused requests, with the refused ones before', async () => {
    const rows = await rowsOf(
      sink,
      `SELECT timestamp, outcome, account, account_email, actor_ip, refused_before, seconds_since_refused
       FROM audit_logins ORDER BY timestamp`,
    )
    expect(plain(rows)).toEqual([
      [at('20T03:00:00'), 'refused', null, 'eve@example.com', eve.actor_ip, 0, null],
      [at('20T03:00:10'), 'refused', null, null, eve.actor_ip, 1, null],
      [at('20T03:01:00'), 'succeeded', '2', null, eve.actor_ip, 2, 50],
      [at('21T00:00:00'), 'begun', null, null, '10.0.0.1', 0, null],
      [at('21T00:00:01'), 'succeeded', '1', 'ada@example.com', '10.0.0.1', 0, null],
    ])
  })

  it('shows what came before and after a key, and one that has no actor', async () => {
    const rows = await rowsOf(
      sink,
      `SELECT timestamp, action, actor, actor_ip, key_user, session_started_at, seconds_into_session, away_seconds,
         address_first_seen_at, events_before, events_after, artifact_reads_after
       FROM audit_keys ORDER BY timestamp`,
    )
    const login = at('20T03:01:00')
    expect(plain(rows)).toEqual([
      [at('20T03:01:20'), 'user:create_api_key', '2', eve.actor_ip, '2', login, 20, 1_627_260, login, 1, 2, 2],
      [at('21T00:00:00'), 'user:delete_api_key', null, null, '2', at('21T00:00:00'), 0, null, null, 0, 0, 0],
    ])
  })
})
