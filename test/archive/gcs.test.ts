import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { archiveConformance, lockConformance } from '../conformance/archives.js'
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

lockConformance('Google Cloud Storage', async () => {
  const locking = await startGcs({ buckets: ['logs'], objectRetention: ['logs'], pageSize: 1 })
  onTestFinished(() => locking.close())
  return { store: gcsPlace(locking).open(), prefix: 'kept/', unlocking: gcsPlace(server).open() }
})
