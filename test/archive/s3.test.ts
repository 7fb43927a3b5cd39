import { archiveConformance, lockConformance } from '../conformance/archives.js'
import { BUCKET, s3Place } from '../stores/s3-place.js'

archiveConformance('S3', async () => ({ store: (await s3Place()).open(), prefix: 'kept/' }))

lockConformance('S3', async () => {
  const { open } = await s3Place({ objectLock: [BUCKET] })
  return { store: open(), prefix: 'kept/', unlocking: (await s3Place()).open() }
})
