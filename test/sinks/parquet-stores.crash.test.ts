/** The lake in further object stores: nothing differs from parquet-s3.test.ts but the store. */

import { afterAll, beforeAll } from 'vitest'
import { loadingConformance } from '../conformance/sinks.js'
import { ACCOUNT, type Azurite, KEY, startAzurite } from '../emulators/azurite.js'
import { type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { lakeIn } from '../support/lake.js'

process.env.AZURE_STORAGE_KEY = KEY

let gcs: GcsStandIn
let azurite: Azurite

beforeAll(async () => {
  gcs = await startGcs({ buckets: ['lakes'] })
  azurite = await startAzurite({ containers: ['lakes'] })
}, 180_000)

afterAll(async () => {
  for (const server of [gcs, azurite]) await server.close()
})

loadingConformance('Parquet in Google Cloud Storage', async () => lakeIn('gs://lakes', gcs.url))
loadingConformance('Parquet in Azure Blob Storage', async () => lakeIn(`az://${ACCOUNT}/lakes`, azurite.endpoint))
