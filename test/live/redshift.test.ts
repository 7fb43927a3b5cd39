/** Against the Redshift that WANDB_AUDIT_TEST_REDSHIFT names, with the login of the environment: each test has a schema of its own. */

import { randomUUID } from 'node:crypto'
import { afterEach } from 'vitest'
import { parseRedshiftAddress } from '../../sinks/redshift/address.js'
import { dataApi } from '../../sinks/redshift/data-api.js'
import { layoutIn } from '../../sinks/shared/layout.js'
import { sinkConformance } from '../conformance/sinks.js'
import { openSink } from '../sinks/redshift/open.js'
import { never } from '../support/load.js'

const ADDRESS = process.env.WANDB_AUDIT_TEST_REDSHIFT ?? ''
const schemas: string[] = []

async function execute(sql: string): Promise<void> {
  const api = dataApi(parseRedshiftAddress(ADDRESS), 20)
  await api.must({ sqls: [sql], what: 'the test', signal: never })
  api.close()
}

async function commentOn(table: string): Promise<string> {
  const api = dataApi(parseRedshiftAddress(ADDRESS), 20)
  const sqls = [`SELECT obj_description('${table}'::regclass)`]
  const { rows } = await api.result(await api.must({ sqls, what: 'the test', signal: never }), 1)
  const { value } = await rows.next()
  api.close()
  return String(value?.[0]?.stringValue)
}

afterEach(async () => {
  for (const schema of schemas.splice(0)) await execute(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
})

sinkConformance('a real Redshift', async () => {
  const schema = `wandb_audit_test_${randomUUID().slice(0, 8)}`
  schemas.push(schema)
  return {
    open: async () => openSink(`${ADDRESS}&schema=${schema}`),
    dropColumn: (table, column) => execute(`ALTER TABLE ${schema}.${table} DROP COLUMN ${column}`),
    layout: async () => layoutIn(await commentOn(`${schema}.audit_events`)),
    setLayout: (layout) =>
      execute(
        `COMMENT ON TABLE ${schema}.audit_events IS ${layout === null ? 'NULL' : `'wandb-audit, layout ${layout}'`}`,
      ),
    rawOf: (line) => Buffer.from(line).toString('base64'),
  }
})
