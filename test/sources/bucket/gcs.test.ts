import { afterAll, beforeAll } from 'vitest'
import { bucketConformance } from '../../conformance/buckets.js'
import { type GcsStandIn, startGcs } from '../../emulators/gcs.js'
import { gcsPlace } from '../../stores/gcs-place.js'

let server: GcsStandIn
beforeAll(async () => {
  server = await startGcs({ buckets: ['logs'], pageSize: 3 })
})
afterAll(() => server.close())

bucketConformance('a bucket of Google Cloud Storage', async () => gcsPlace(server))
