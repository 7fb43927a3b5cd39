/** The statement for auditors: hashes recomputed in each warehouse's own SQL, and what was changed beside them. */

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hashCheck } from '../../schemas/hash-check.js'
import { bigquerySql } from '../../sinks/bigquery/forms.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { redshiftSql } from '../../sinks/redshift/forms.js'
import { redshiftSink } from '../../sinks/redshift/index.js'
import { DUCKDB_SQL } from '../../sinks/shared/duckdb-forms.js'
import type { Sink } from '../../src/contract.js'
import { inDatabase } from '../cli/support.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { rowsOf } from '../support/rows.js'
import { newPlace } from './bigquery/support.js'
import { addressOf, newSchema, standIns } from './redshift/support.js'

const on = standIns()

interface Warehouse {
  readonly sink: Sink
  readonly statement: string
  /** Takes the response code 404 away. */
  tamper(): Promise<unknown>
}

const WAREHOUSES: Readonly<Record<string, () => Promise<Warehouse>>> = {
  async DuckDB() {
    const path = join(newFolder(), 'audit.duckdb')
    return {
      sink: duckdbSink(path, { waitMs: 0, onWait() {} }),
      statement: hashCheck(DUCKDB_SQL, 'audit_events'),
      tamper: () => inDatabase(path, 'UPDATE audit_events SET response_code = 200 WHERE response_code = 404'),
    }
  },
  async BigQuery() {
    const place = await newPlace()
    const sink = place.open()
    return {
      sink,
      statement: hashCheck(
        bigquerySql((name) => name),
        '`audit`.`audit_events`',
      ),
      async tamper() {
        await place.standIn.dropColumn('audit', 'audit_events', 'response_code')
        await sink.prepare()
      },
    }
  },
  async Redshift() {
    const schema = newSchema()
    return {
      sink: redshiftSink(addressOf(on, schema), { signal: never }),
      statement: hashCheck(redshiftSql({ schema, prefix: '' }), 'audit_events'),
      tamper: () =>
        on.redshift.execute(`UPDATE ${schema}.audit_events SET response_code = 200 WHERE response_code = 404`),
    }
  },
}

const event = (timestamp: string, more: object = {}) => ({
  timestamp,
  action: 'run:delete',
  actor_user_id: 'ü',
  ...more,
})
const REPEATED = event('2026-10-01T12:34:56.123456Z', { cli_version: '5:a,' })
const LINES = [
  ...[REPEATED, REPEATED, REPEATED],
  ...[event('1970-01-01T00:00:00Z'), event('1969-12-31T23:59:59.999999Z'), event('0001-01-01T00:00:00Z')],
  event('2026-10-01T00:00:00Z', { response_code: 404, actor_ip: '', artifact_asset: 'x'.repeat(2000) }),
  event('2026-10-02T00:00:00Z', { response_code: 200, run_name: 'left out' }),
]

describe.each(Object.entries(WAREHOUSES))('the hashes in %s', (_name, open) => {
  it('are recomputed from the columns, repeats included, and do not fit what somebody changed', async () => {
    const { sink, statement, tamper } = await open()
    await loadInto(sink, { a: ndjson(...LINES) })
    const counted = async () =>
      (await rowsOf(sink, statement)).map(({ utc_day, events, altered }) => [utc_day, Number(events), Number(altered)])
    const days = [
      ['0001-01-01', 1, 0],
      ['1969-12-31', 1, 0],
      ['1970-01-01', 1, 0],
    ]
    expect(await counted()).toEqual([...days, ['2026-10-01', 4, 0]])
    await tamper()
    expect(await counted()).toEqual([...days, ['2026-10-01', 4, 1]])
    await sink.close()
  })
})
