/** Events in OCSF's form. `test/interop` checks them against the published schema. */

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { parquetSink } from '../../sinks/parquet/index.js'
import type { Sink } from '../../src/contract.js'
import { newPlace } from '../sinks/bigquery/support.js'
import { newSink, standIns } from '../sinks/redshift/support.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { rowsOf } from '../support/rows.js'

const on = standIns()

const HOSTILE = '"},"actor":{"user":{"uid":"0"}} \\ \u0001 ü💡'
const EVENTS = [
  {
    timestamp: '2026-10-01T12:34:56.789123Z',
    action: 'artifact:read',
    actor_user_id: 7,
    actor_email: HOSTILE,
    actor_ip: '10.0.0.1',
    response_code: 403,
    artifact_asset: 912,
    artifact_qualified_name: HOSTILE,
    project_name: 'x'.repeat(60_000),
    cli_version: '0.17.0',
  },
  { timestamp: '1960-01-01T00:00:00Z', action: HOSTILE, actor_ip: 'by hand' },
]

const SINKS: Readonly<Record<string, () => Promise<Sink>>> = {
  DuckDB: async () => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} }),
  'the lake': () => parquetSink(`parquet:${newFolder()}`, never),
  BigQuery: async () => (await newPlace()).open(),
  Redshift: () => newSink(on),
}

describe.each(Object.entries(SINKS))('%s', (_name, open) => {
  it('has each event as API Activity, whatever its values', async () => {
    const sink = await open()
    await loadInto(sink, { a: ndjson(...EVENTS) })
    const rows = await rowsOf(
      sink,
      'SELECT timestamp, content_hash, event FROM audit_events_ocsf ORDER BY timestamp DESC',
    )
    const [read, other] = rows.map(({ event }) => JSON.parse(String(event)))
    expect(read).toEqual({
      class_uid: 6003,
      class_name: 'API Activity',
      category_uid: 6,
      category_name: 'Application Activity',
      severity_id: 1,
      activity_id: 2,
      type_uid: 600_302,
      status_id: 2,
      time: Date.parse('2026-10-01T12:34:56.789Z'),
      metadata: {
        version: '1.8.0',
        log_name: 'audit_logs',
        product: { name: 'Weights & Biases', vendor_name: 'Weights & Biases' },
        event_code: 'artifact:read',
        uid: rows[0]?.content_hash,
      },
      api: { service: { name: 'Weights & Biases' }, operation: 'artifact:read' },
      actor: { user: { type_id: 0, uid: '7', email_addr: HOSTILE } },
      src_endpoint: { ip: '10.0.0.1' },
      http_response: { code: 403 },
      resources: [
        { type: 'artifact', uid: '912', name: HOSTILE },
        { type: 'project', name: 'x'.repeat(500) },
      ],
      unmapped: { wandb: { log: 'audit', cli_version: '0.17.0' } },
    })
    expect(other).toMatchObject({
      activity_id: 99,
      activity_name: HOSTILE,
      status_id: 0,
      time: Date.parse('1960-01-01T00:00:00Z'),
      actor: { user: { type_id: 0, name: 'Unknown' } },
      src_endpoint: { name: 'by hand' },
      resources: [],
    })
    await sink.close()
  })
})
