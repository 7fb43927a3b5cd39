import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll } from 'vitest'
import { storeFaultConformance } from '../conformance/store-faults.js'
import { storeConformance } from '../conformance/stores.js'
import { ACCOUNT, type Azurite, KEY, startAzurite } from '../emulators/azurite.js'
import { azurePlace } from './azure-place.js'

let azurite: Azurite
beforeAll(async () => {
  azurite = await startAzurite()
  await new ContainerClient(`${azurite.direct}/logs`, new StorageSharedKeyCredential(ACCOUNT, KEY)).create()
}, 60_000)
afterAll(() => azurite.close())

storeConformance('Azure Blob Storage', async () => azurePlace(azurite))
storeFaultConformance('Azure Blob Storage', async () => azurePlace(azurite))
