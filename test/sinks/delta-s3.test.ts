import { afterAll, beforeAll } from 'vitest'
import { loadingConformance } from '../conformance/sinks.js'
import { type S3StandIn, startS3 } from '../emulators/s3.js'
import { deltaIn } from '../support/delta.js'

process.env.AWS_ACCESS_KEY_ID = 'local'
process.env.AWS_SECRET_ACCESS_KEY = 'local-secret'

let s3: S3StandIn
beforeAll(async () => {
  s3 = await startS3({ buckets: ['lakes'] })
})
afterAll(() => s3.close())

loadingConformance('Delta Lake in S3', () => deltaIn('s3://lakes', s3.url))
