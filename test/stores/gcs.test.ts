import { afterAll, beforeAll } from 'vitest'
import { storeFaultConformance } from '../conformance/store-faults.js'
import { storeConformance } from '../conformance/stores.js'
import { type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { gcsPlace } from './gcs-place.js'

let server: GcsStandIn
beforeAll(async () => {
  server = await startGcs({ buckets: ['logs'], pageSize: 3 })
})
afterAll(() => server.close())

storeConformance('Google Cloud Storage', async () => gcsPlace(server))
storeFaultConformance('Google Cloud Storage', async () => gcsPlace(server))
