/**
 * Against the BigQuery that WANDB_AUDIT_TEST_BIGQUERY names (`bigquery://project/dataset`), with the login of the
 * environment. Each test has tables of its own prefix there, which are removed at the end.
 */

import { randomBytes } from 'node:crypto'
import { afterAll } from 'vitest'
import { parseBigQueryAddress } from '../../sinks/bigquery/address.js'
import { newClient } from '../../sinks/bigquery/client.js'
import { openSink } from '../../sinks/index.js'
import type { Sink } from '../../src/contract.js'
import { sinkConformance } from '../conformance/sinks.js'
import { never } from '../support/load.js'

const address = process.env.WANDB_AUDIT_TEST_BIGQUERY ?? ''
const place = parseBigQueryAddress(address)
const { project, dataset } = place
const client = newClient(place)
const prefixes: string[] = []

afterAll(async () => {
  const [tables] = await client.dataset(dataset).getTables()
  for (const table of tables) if (prefixes.some((prefix) => table.id?.startsWith(prefix))) await table.delete()
})

sinkConformance('a real BigQuery', async () => {
  const prefix = `test_${randomBytes(6).toString('hex')}_`
  prefixes.push(prefix)
  const prefixed = (sql: string): string => sql.replace(/\baudit_/g, `${prefix}audit_`)
  const open = async (): Promise<Sink> => {
    const at = `${address}${address.includes('?') ? '&' : '?'}table_prefix=${prefix}`
    const sink = await openSink(at, { waitMs: 60_000, signal: never, onNotice() {} })
    return { ...sink, query: (sql) => sink.query(prefixed(sql)) }
  }
  const events = client.dataset(dataset).table(`${prefix}audit_events`)
  return {
    open,
    async layout() {
      const [metadata] = await events.getMetadata()
      const { wandb_audit_layout: layout } = (metadata as { labels?: Record<string, string> }).labels ?? {}
      return layout === undefined ? null : Number(layout)
    },
    async setLayout(layout) {
      const labels = { wandb_audit_layout: layout === null ? null : String(layout) }
      await events.setMetadata({ labels: labels as Record<string, string> })
    },
    async dropColumn(table, column) {
      const sql = `ALTER TABLE \`${project}\`.\`${dataset}\`.\`${prefix}${table}\` DROP COLUMN \`${column}\``
      const [job] = await client.createQueryJob(sql)
      await job.getQueryResults()
    },
  }
})
