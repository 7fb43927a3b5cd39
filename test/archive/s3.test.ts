import { archiveConformance } from '../conformance/archives.js'
import { s3Place } from '../stores/s3-place.js'

archiveConformance('S3', async () => ({ store: (await s3Place()).open(), prefix: 'kept/' }))
