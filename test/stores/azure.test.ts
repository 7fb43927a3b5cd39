import { afterAll, beforeAll } from 'vitest'
import { storeFaultConformance } from '../conformance/store-faults.js'
import { storeConformance } from '../conformance/stores.js'
import { type Azurite, startAzurite } from '../emulators/azurite.js'
import { azurePlace } from './azure-place.js'

let azurite: Azurite
beforeAll(async () => {
  azurite = await startAzurite({ containers: ['logs'] })
}, 180_000)
afterAll(() => azurite.close())

storeConformance('Azure Blob Storage', async () => azurePlace(azurite))
storeFaultConformance('Azure Blob Storage', async () => azurePlace(azurite))
