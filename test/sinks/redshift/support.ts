/** One stand-in of Redshift and one of S3 for a file of tests, and targets on them. */

import { afterAll, beforeAll } from 'vitest'
import type { Sink } from '../../../src/contract.js'
import { type RedshiftOptions, type RedshiftStandIn, startRedshift } from '../../emulators/redshift.js'
import { type S3StandIn, startS3 } from '../../emulators/s3.js'
import { openSink } from './open.js'

export const BUCKET = 'staging-bucket'
export const ROLE = 'arn:aws:iam::123456789012:role/wandb-audit-copy'

export interface StandIns {
  redshift: RedshiftStandIn
  s3: S3StandIn
}

/** The stand-ins, from the first test on. The engine takes seconds to start, so a file has one, and each target a schema. */
export function standIns(options: Partial<RedshiftOptions> = {}): StandIns {
  const started = {} as StandIns
  beforeAll(async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' })
    started.s3 = await startS3({ buckets: [BUCKET] })
    started.redshift = await startRedshift({
      objects: {
        list: async (bucket, prefix) => started.s3.keys(bucket).filter((key) => key.startsWith(prefix)),
        read: async (bucket, key) => started.s3.get(bucket, key) ?? new Uint8Array(),
      },
      workgroups: ['main'],
      clusters: ['old'],
      database: 'audit',
      roles: [ROLE],
      pageRows: 40,
      ...options,
    })
  }, 180_000)
  afterAll(async () => {
    await started.redshift.close()
    await started.s3.close()
  })
  return started
}

let schemas = 0
export const newSchema = (): string => `audit_${++schemas}`

/** An address on the stand-ins, with further options. */
export const addressOf = ({ redshift, s3 }: StandIns, schema: string, more = ''): string =>
  `redshift://main/audit?schema=${schema}&iam_role=${ROLE}&staging=s3://${BUCKET}/${schema}?endpoint=${s3.url}&endpoint=${redshift.url}${more}`

export async function newSink(on: StandIns, schema = newSchema()): Promise<Sink> {
  const sink = openSink(addressOf(on, schema))
  await sink.prepare()
  return sink
}
