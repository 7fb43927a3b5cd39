import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll } from 'vitest'
import { bucketConformance } from '../../conformance/buckets.js'
import { ACCOUNT, type Azurite, KEY, startAzurite } from '../../emulators/azurite.js'
import { azurePlace } from '../../stores/azure-place.js'

let azurite: Azurite
beforeAll(async () => {
  azurite = await startAzurite()
  await new ContainerClient(`${azurite.direct}/logs`, new StorageSharedKeyCredential(ACCOUNT, KEY)).create()
}, 60_000)
afterAll(() => azurite.close())

bucketConformance('a container of Azure', async () => azurePlace(azurite))
