/**
 * bqemulator, through Google's client: all that the sink does beside the merge. The merge itself it cannot run (README.md here),
 * so a load must be refused there, whole.
 */

import { BigQuery } from '@google-cloud/bigquery'
import { PassThroughClient } from 'google-auth-library'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AUDIT_EVENTS, TABLES } from '../../schemas/tables.js'
import { parseBigQueryAddress } from '../../sinks/bigquery/address.js'
import { bigquerySql } from '../../sinks/bigquery/forms.js'
import { bigquerySink } from '../../sinks/bigquery/index.js'
import { namesIn } from '../../sinks/bigquery/tables.js'
import { questions } from '../../sinks/shared/questions.js'
import type { Sink } from '../../src/contract.js'
import { TIMING } from '../sinks/bigquery/support.js'
import { loadInto, ndjson, never } from '../support/load.js'
import { rowsOf, tableOf } from '../support/rows.js'
import { type Emulator, startEmulator } from './emulators/python.js'

const VIEWS = [
  'audit_activity_per_day',
  'audit_api_keys_created',
  'audit_events_masked',
  'audit_events_ocsf',
  'audit_keys',
  'audit_logins',
  'audit_refused_requests',
  'audit_rejects_by_reason',
  'audit_sessions',
]

const names = namesIn(parseBigQueryAddress('bigquery://acme-audit/audit'))

let emulator: Emulator
let client: BigQuery
let sink: Sink
beforeAll(async () => {
  emulator = await startEmulator('bqemulator')
  const authClient = new PassThroughClient()
  client = new BigQuery({ projectId: 'acme-audit', apiEndpoint: emulator.url, authClient })
  sink = bigquerySink(`bigquery://acme-audit/audit?endpoint=${emulator.url}`, { signal: never, onNotice() {} }, TIMING)
  await sink.prepare()
})
afterAll(async () => {
  await sink.close()
  await emulator.close()
})

describe('bqemulator', () => {
  it('has every table with its columns and descriptions, partitioned and clustered, and preparing again changes nothing', async () => {
    const described = async () => (await client.dataset('audit').table('audit_events').getMetadata())[0]
    const before = await described()
    expect(before).toMatchObject({
      timePartitioning: { type: 'DAY', field: 'timestamp' },
      clustering: { fields: ['action', 'content_hash'] },
      schema: { fields: AUDIT_EVENTS.columns.map(({ name, meaning }) => ({ name, description: meaning })) },
    })
    await sink.prepare()
    expect(await described()).toEqual(before)
    for (const table of TABLES) {
      const { columns } = await sink.query(`SELECT * FROM ${table.name}`)
      expect(columns.map(({ name }) => name)).toEqual(table.columns.map(({ name }) => name))
    }
  })

  it('answers the views and the questions of status and rejects, and gives values of every type', async () => {
    await client.query({
      query: `INSERT INTO audit.audit_events (timestamp, action, actor_user_id, response_code, extra, content_hash, source_document, source_line, loaded_at)
        VALUES (TIMESTAMP '2026-10-01 12:34:56.123456+00', 'user:login', 'ünï💡', 403, JSON '{"run_asset":7}', 'a', 'd', 9007199254740993, TIMESTAMP '2026-10-01 12:35:00+00')`,
    })
    const [event] = await rowsOf(
      sink,
      'SELECT timestamp, actor_user_id, response_code, extra, source_line, user_email FROM audit_events',
    )
    expect(event).toEqual({
      timestamp: '2026-10-01T12:34:56.123456Z',
      actor_user_id: 'ünï💡',
      response_code: 403,
      extra: '{"run_asset":7}',
      source_line: 9007199254740993n,
      user_email: null,
    })
    const counts = []
    for (const view of VIEWS) counts.push((await rowsOf(sink, `SELECT * FROM ${view}`)).length)
    expect(counts).toEqual([1, 0, 1, 1, 0, 1, 1, 0, 1])
    const { status, rejects, rawRejects } = questions(bigquerySql(names.from))
    const answers = await Promise.all(status(14).map(async ({ name, sql }) => [name, (await rowsOf(sink, sql)).length]))
    expect(Object.fromEntries(answers)).toMatchObject({ days: 1, unknown_keys: 1, conflicts: 0 })
    for (const sql of [rejects, rawRejects]) expect(await rowsOf(sink, sql)).toEqual([])
    expect(await sink.receipts('test')).toEqual(new Map())
  })

  it('refuses what is no SELECT', async () => {
    await expect(sink.query('DELETE FROM audit_events WHERE TRUE')).rejects.toMatchObject({ exitCode: 2 })
    expect(await tableOf(sink, AUDIT_EVENTS)).toHaveLength(1)
  })

  it('refuses a load, of which nothing stays', async () => {
    const before = await tableOf(sink, AUDIT_EVENTS)
    const summary = await loadInto(sink, { a: ndjson({ timestamp: '2026-10-01T00:00:00Z', action: 'user:login' }) })
    expect(summary.failed).toHaveLength(1)
    expect(await tableOf(sink, AUDIT_EVENTS)).toEqual(before)
    expect(await sink.receipts('test')).toEqual(new Map())
  })
})
