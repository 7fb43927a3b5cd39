/** The official client, set up. */

import { S3Client } from '@aws-sdk/client-s3'
import { printable, usageError } from '../../errors.js'

export interface S3Place {
  readonly bucket: string
  /** `https://minio.example:9000`: a store other than AWS; the bucket then stands in the path. */
  readonly endpoint?: string
  /** When absent as the client finds it (AWS_REGION, a profile); for an endpoint AWS_REGION, or else `us-east-1`. */
  readonly region?: string
}

export interface Timing {
  /** Both in milliseconds; idle is a connection without a byte in either direction. */
  readonly connectMs: number
  readonly idleMs: number
  /** How often a request is tried. */
  readonly attempts: number
}

export const TIMING: Timing = { connectMs: 15_000, idleMs: 120_000, attempts: 6 }

const MOST_CONNECTIONS = 64

/** The client would write to the console otherwise. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/**
 * @throws AuditError, exit code 2, for a name that no bucket can have
 */
export function s3Client({ bucket, endpoint, region }: S3Place, timing: Timing): S3Client {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket)) {
    throw usageError(`no bucket is called ${printable(bucket)}`, 'An address is s3://bucket/prefix.')
  }
  // What the client says about versions of Node would stand between the log lines of whoever reads them as JSON.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const agent = { keepAlive: true, maxSockets: MOST_CONNECTIONS }
  const elsewhere =
    endpoint === undefined
      ? {}
      : { endpoint, forcePathStyle: true, region: region ?? process.env.AWS_REGION ?? 'us-east-1' }
  return new S3Client({
    ...(region === undefined ? {} : { region }),
    ...elsewhere,
    maxAttempts: timing.attempts,
    // Checksums are asked for, and sent, where the store's own code says so.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: timing.connectMs,
      socketTimeout: timing.idleMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
    logger: SILENT,
  })
}
