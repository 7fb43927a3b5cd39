/** The suite of seals in the stores that are slower than a folder. */

import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { sealConformance, sealLockConformance } from '../conformance/seals.js'
import { type Azurite, startAzurite } from '../emulators/azurite.js'
import { type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { azurePlace } from '../stores/azure-place.js'
import { gcsPlace } from '../stores/gcs-place.js'
import { BUCKET, s3Place } from '../stores/s3-place.js'

let azurite: Azurite
let gcs: GcsStandIn
beforeAll(async () => {
  azurite = await startAzurite({ containers: ['logs'] })
  gcs = await startGcs({ buckets: ['logs'], pageSize: 3 })
}, 180_000)
afterAll(async () => {
  await azurite.close()
  await gcs.close()
})

sealConformance('Azure Blob Storage', async () => {
  const { open, prefix } = azurePlace(azurite)
  return { store: open(), prefix }
})
sealLockConformance('Azure Blob Storage', async () => {
  const { open, prefix } = azurePlace(azurite)
  return { store: open(), prefix }
})

sealConformance('Google Cloud Storage', async () => {
  const { open, prefix } = gcsPlace(gcs)
  return { store: open(), prefix }
})
sealLockConformance('Google Cloud Storage', async () => {
  const locking = await startGcs({ buckets: ['logs'], objectRetention: ['logs'], pageSize: 1 })
  onTestFinished(() => locking.close())
  return { store: gcsPlace(locking).open(), prefix: 'kept/' }
})

sealConformance('S3', async () => ({ store: (await s3Place()).open(), prefix: 'kept/' }))
sealLockConformance('S3', async () => ({ store: (await s3Place({ objectLock: [BUCKET] })).open(), prefix: 'kept/' }))
