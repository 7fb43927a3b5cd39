import { afterAll, beforeAll } from 'vitest'
import { archiveConformance, lockConformance } from '../conformance/archives.js'
import { type Azurite, startAzurite } from '../emulators/azurite.js'
import { azurePlace } from '../stores/azure-place.js'

let azurite: Azurite
beforeAll(async () => {
  azurite = await startAzurite({ containers: ['logs'] })
}, 180_000)
afterAll(() => azurite.close())

archiveConformance('Azure Blob Storage', async () => {
  const { open, prefix } = azurePlace(azurite)
  return { store: open(), prefix }
})

lockConformance('Azure Blob Storage', async () => {
  const { open, prefix } = azurePlace(azurite)
  return { store: open(), prefix }
})
