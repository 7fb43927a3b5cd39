import { readText, upload } from '../../../sinks/fabric/zone.js'
import { sinkConformance } from '../../conformance/sinks.js'
import { never } from '../../support/load.js'
import { newPlaceInMemory } from './place.js'

// In memory, because over Azurite it takes three times as long; faults.test.ts and door.test.ts load over Azurite.
sinkConformance('Fabric', async () => {
  const place = await newPlaceInMemory()
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
