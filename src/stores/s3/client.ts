/** Configures the official client. */

import { S3Client } from '@aws-sdk/client-s3'
import { printable, usageError } from '../../errors.js'

export interface S3Bucket {
  readonly bucket: string
  /** A store other than AWS, such as `https://minio.example:9000`; the bucket is then part of the path. */
  readonly endpoint?: string
  /** When absent, what the client finds (AWS_REGION, a profile); with an endpoint, AWS_REGION or `us-east-1`. */
  readonly region?: string
  /** Accepts the cost of requests to a bucket of somebody else. */
  readonly payer?: string
}

export interface Timing {
  /** Both in milliseconds; `idleMs` is how long a connection may transfer nothing in either direction. */
  readonly connectMs: number
  readonly idleMs: number
  /** How often a request is attempted in all. */
  readonly attempts: number
}

export const TIMING: Timing = { connectMs: 15_000, idleMs: 120_000, attempts: 6 }

const MOST_CONNECTIONS = 64

/** Keeps the client from writing to the console. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** @throws AuditError, exit code 2, for an invalid bucket name */
export function s3Client({ bucket, endpoint, region, payer }: S3Bucket, timing: Timing): S3Client {
  refuseOtherKinds(bucket)
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket)) {
    throw usageError(`no bucket is called ${printable(bucket)}`, 'An address is s3://bucket/prefix.')
  }
  // The client's warning about Node versions would end up among log lines that may be read as JSON.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const agent = { keepAlive: true, maxSockets: MOST_CONNECTIONS }
  const elsewhere =
    endpoint === undefined
      ? {}
      : { endpoint, forcePathStyle: true, region: region ?? process.env.AWS_REGION ?? 'us-east-1' }
  const client = new S3Client({
    ...(region === undefined ? {} : { region }),
    ...elsewhere,
    maxAttempts: timing.attempts,
    // Only the requests that need a checksum ask for one or send one.
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
  if (payer !== undefined) {
    client.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> }
        headers['x-amz-request-payer'] = payer
        return next(args)
      },
      { step: 'build', name: 'requestPayer' },
    )
  }
  return client
}

/** What S3 addresses like a bucket, but serves differently. */
function refuseOtherKinds(bucket: string): void {
  if (bucket.startsWith('arn:')) {
    throw usageError(
      `${printable(bucket)} is an ARN, not the name of a bucket`,
      'For an access point use its alias: s3://NAME-…-s3alias/prefix. `aws s3control get-access-point` shows it.',
    )
  }
  if (bucket.endsWith('.mrap')) {
    throw usageError(
      `${printable(bucket)} is a multi-region access point, which is not supported`,
      'Name one of its buckets instead.',
    )
  }
  if (bucket.endsWith('--x-s3')) {
    throw usageError(
      `${printable(bucket)} is a directory bucket (S3 Express), which is not supported`,
      'Its listings and ETags differ from those of other buckets. Use a general purpose bucket.',
    )
  }
}
