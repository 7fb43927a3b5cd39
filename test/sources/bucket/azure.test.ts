import { afterAll, beforeAll } from 'vitest'
import { bucketConformance } from '../../conformance/buckets.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { azurePlace } from '../../stores/azure-place.js'

let azurite: Azurite
beforeAll(async () => {
  azurite = await startAzurite({ containers: ['logs'] })
}, 180_000)
afterAll(() => azurite.close())

bucketConformance('a container of Azure', async () => azurePlace(azurite))
