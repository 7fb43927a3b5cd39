import { afterAll, beforeAll } from 'vitest'
import { sinkConformance } from '../../conformance/sinks.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { newPlace } from './place.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 60_000)

afterAll(() => azurite.close())

sinkConformance('Fabric', async () => {
  const place = await newPlace(azurite)
  return { open: async () => place.mirrored(), dropColumn: place.dropColumn }
})
