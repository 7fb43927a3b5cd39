import { afterAll } from 'vitest'
import { bigquerySink } from '../../../sinks/bigquery/index.js'
import { sinkConformance } from '../../conformance/sinks.js'
import { type StandIn, startBigQuery } from '../../emulators/bigquery/server.js'
import { never } from '../../support/load.js'

const started: StandIn[] = []
afterAll(async () => {
  for (const standIn of started) await standIn.close()
})

/** The real pauses between looks would only make the tests slower. */
const TIMING = { pollMs: 5, limitMs: 60_000, cancelMs: 60_000 }

sinkConformance('BigQuery', async () => {
  const standIn = await startBigQuery()
  started.push(standIn)
  return {
    open: async () =>
      bigquerySink(
        `bigquery://${standIn.project}/audit?endpoint=${standIn.url}`,
        { signal: never, onNotice() {} },
        TIMING,
      ),
    dropColumn: (table, column) => standIn.dropColumn('audit', table, column),
  }
})
