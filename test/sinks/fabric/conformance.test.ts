import { afterAll, beforeAll } from 'vitest'
import { readText, upload } from '../../../sinks/fabric/zone.js'
import { sinkConformance } from '../../conformance/sinks.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { never } from '../../support/load.js'
import { newPlace } from './place.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)

afterAll(() => azurite.close())

sinkConformance('Fabric', async () => {
  const place = await newPlace(azurite)
  const manifest = () => readText(place.zone, '_wandb_audit/manifest.json', never)
  return {
    open: async () => place.mirrored(),
    dropColumn: place.dropColumn,
    mirrorsVersions: true,
    knowsDaysOnly: true,
    async layout() {
      return JSON.parse((await manifest())?.text ?? '').version ?? null
    },
    async setLayout(layout) {
      const { version: _, ...others } = JSON.parse((await manifest())?.text ?? '')
      const content = Buffer.from(JSON.stringify(layout === null ? others : { version: layout, ...others }))
      await upload(place.zone, '_wandb_audit/manifest.json', content, 'any', never)
    },
  }
})
