/** The lake in object stores, which differ in nothing but their stores. */

import { afterAll, beforeAll } from 'vitest'
import { parquetSink } from '../../sinks/parquet/index.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { openStore } from '../../src/stores/index.js'
import { type SinkTarget, sinkConformance } from '../conformance/sinks.js'
import { ACCOUNT, type Azurite, KEY, startAzurite } from '../emulators/azurite.js'
import { type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { type S3StandIn, startS3 } from '../emulators/s3.js'
import { dropColumn, markIn } from '../support/lake.js'
import { never } from '../support/load.js'

process.env.AWS_ACCESS_KEY_ID = 'local'
process.env.AWS_SECRET_ACCESS_KEY = 'local-secret'
process.env.AZURE_STORAGE_KEY = KEY

let s3: S3StandIn
let gcs: GcsStandIn
let azurite: Azurite

beforeAll(async () => {
  s3 = await startS3({ buckets: ['lakes'] })
  gcs = await startGcs({ buckets: ['lakes'] })
  azurite = await startAzurite({ containers: ['lakes'] })
}, 60_000)

afterAll(async () => {
  for (const server of [s3, gcs, azurite]) await server.close()
})

let lakes = 0

function lakeIn(place: string, endpoint: string): SinkTarget {
  lakes++
  const address = `${place}/lake ${lakes}?endpoint=${endpoint}`
  async function inStore<T>(work: (store: ObjectStore, prefix: string) => Promise<T>): Promise<T> {
    const { store, prefix } = await openStore(address)
    const done = await work(store, `${prefix}/`)
    await store.close()
    return done
  }
  return {
    open: () => parquetSink(`parquet+${address}`, never),
    dropColumn: (table, column) => inStore((store, prefix) => dropColumn(store, `${prefix}${table}`, column)),
    layout: () => inStore((store, prefix) => markIn(store, prefix).layout()),
    setLayout: (layout) => inStore((store, prefix) => markIn(store, prefix).setLayout(layout)),
  }
}

sinkConformance('Parquet in S3', async () => lakeIn('s3://lakes', s3.url))
sinkConformance('Parquet in Google Cloud Storage', async () => lakeIn('gs://lakes', gcs.url))
sinkConformance('Parquet in Azure Blob Storage', async () => lakeIn(`az://${ACCOUNT}/lakes`, azurite.endpoint))
