import { afterAll, beforeAll } from 'vitest'
import { archiveConformance } from '../conformance/archives.js'
import { type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { gcsPlace } from '../stores/gcs-place.js'

let server: GcsStandIn
beforeAll(async () => {
  server = await startGcs({ buckets: ['logs'], pageSize: 3 })
})
afterAll(() => server.close())

archiveConformance('Google Cloud Storage', async () => {
  const { open, prefix } = gcsPlace(server)
  return { store: open(), prefix }
})
