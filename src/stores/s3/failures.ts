/** Errors of S3 and its client, and what to do about them. */

import { ArchivedError, AuditError, EXIT, interrupted, printable } from '../../errors.js'
import { type Failure, networkFailure } from '../network.js'
import { ARCHIVED } from './archived.js'

/** An operation: its verb for the message, and the permission that it needs. */
export interface Operation {
  readonly verb: string
  readonly permission: string
}

export const OPERATIONS = {
  list: { verb: 'list', permission: 's3:ListBucket' },
  // Without s3:ListBucket, S3 answers 403 where it would answer 404.
  find: { verb: 'look up', permission: 's3:GetObject and s3:ListBucket' },
  read: { verb: 'read', permission: 's3:GetObject' },
  write: { verb: 'write', permission: 's3:PutObject' },
  remove: { verb: 'remove', permission: 's3:DeleteObject' },
} as const satisfies Record<string, Operation>

const LOGIN = 'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in AWS_PROFILE.'
const EXPIRED: Failure = {
  what: 'the login has expired',
  advice: 'Log in again, for example with `aws sso login`; on a server use a role, which renews itself.',
}
const BUSY: Failure = {
  what: 'S3 was too busy for too long',
  advice: 'Run it again later; it continues where it stopped. Fewer concurrent requests help.',
  retryable: true,
}
const DOWN: Failure = { what: 'S3 kept failing', advice: 'Run it again later.', retryable: true }
const UNABLE: Failure = {
  what: 'this store does not support that',
  advice: 'Reading needs ListObjectsV2 and GetObject; writing also needs If-None-Match and If-Match: docs/s3.md.',
}
const CHANGING: Failure = {
  what: 'other writers kept changing it at the same time',
  advice: 'Run it again.',
  retryable: true,
}

/** By error code: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, or the client's error name. */
const FAILURES: Readonly<Record<string, Failure>> = {
  NoSuchBucket: {
    what: 'there is no such bucket',
    advice: 'Check its name; a bucket of an S3-compatible store needs `?endpoint=https://…`.',
  },
  InvalidBucketName: { what: 'the bucket name is invalid', advice: 'Check its name.' },
  EntityTooLarge: {
    what: 'it exceeds what one request may carry (5 GB)',
    advice: 'Load less at once.',
  },
  ExpiredToken: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  InvalidAccessKeyId: { what: 'the access key does not exist', advice: LOGIN },
  InvalidToken: { what: 'the session token is not valid', advice: `${LOGIN} AWS_SESSION_TOKEN must belong to them.` },
  SignatureDoesNotMatch: { what: 'the secret key is wrong', advice: LOGIN },
  RequestTimeTooSkewed: { what: "this machine's clock is wrong", advice: 'Set the clock, for example with NTP.' },
  CredentialsProviderError: {
    what: 'no login for AWS was found',
    advice: 'Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role: docs/s3.md.',
  },
  TokenProviderError: EXPIRED,
  NotImplemented: UNABLE,
  XAmzContentSHA256Mismatch: { what: 'the bytes changed on the way', retryable: true },
  BadDigest: { what: 'the bytes changed on the way', retryable: true },
  IncompleteBody: { what: 'not all bytes arrived', retryable: true },
  RequestTimeout: BUSY,
  SlowDown: BUSY,
  ServiceUnavailable: BUSY,
  TimeoutError: { what: 'no answer came in time', advice: 'Check network, VPN and firewall.', retryable: true },
  ConditionalRequestConflict: CHANGING,
  OperationAborted: CHANGING,
}

const WRONG_REGION = new Set([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])

/**
 * The error for one failed attempt.
 *
 * @param address `s3://bucket/key`
 * @returns retryable when another attempt may succeed
 */
export function failed(operation: Operation, address: string, error: unknown, signal: AbortSignal): AuditError {
  if (signal.aborted) return interrupted()
  const failing = `could not ${operation.verb} ${printable(address)}`
  if (seen(error).code === 'InvalidObjectState') {
    return new ArchivedError(`${failing}: it is archived`, { advice: ARCHIVED, outside: true, cause: bare(error) })
  }
  const { what, advice, retryable = false } = failureOf(operation, error)
  // Without a login, a retry cannot succeed.
  const exitCode = error instanceof Error && error.name === 'CredentialsProviderError' ? EXIT.usage : EXIT.failed
  const details = { retryable, cause: bare(error), ...(advice === undefined ? {} : { advice }), exitCode }
  return new AuditError(`${failing}: ${what}`, { ...details, outside: true })
}

/**
 * Errors of the client carry the whole exchange, with signature and session token; only their name and text are kept. For
 * login errors not even the text, which may quote the output of a credential helper.
 */
export function bare(error: unknown): Error {
  const { code, text } = seen(error)
  return Object.assign(new Error(code === 'CredentialsProviderError' ? code : printable(text)), { name: code })
}

function failureOf(operation: Operation, error: unknown): Failure {
  const { code, status, text } = seen(error)
  const region = regionOf(error, code, status)
  if (region !== null) return region
  if (code === 'CredentialsProviderError' && /expired/i.test(text)) return EXPIRED
  if (/^Region is missing/.test(text)) {
    return { what: 'the region of the bucket is not known', advice: 'Add ?region=…, or set AWS_REGION.' }
  }
  if (code === 'InvalidRequest' && /Object ?Lock ?Configuration/i.test(text)) {
    return {
      what: 'the bucket has no Object Lock',
      advice: 'Archive into a bucket that was created with it, or omit --retain: docs/retention.md.',
    }
  }
  const known = FAILURES[code] ?? networkFailure(error)
  if (known !== null) return known
  if (status === 401 || status === 403) return denied(operation, text)
  if (status === 429 || status === 503) return BUSY
  if (status === 501) return UNABLE
  if (status >= 500) return DOWN
  const answer = status === 0 ? '' : ` with status ${status}`
  return { what: `S3 answered ${printable(code)}${answer}`, advice: 'Check bucket, endpoint and region.' }
}

/** AWS names the missing permission; other stores do not. */
function denied({ permission }: Operation, text: string): Failure {
  const missing = /not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)/.exec(text)?.[1] ?? permission
  return {
    what: `access denied (needs ${missing})`,
    advice: 'Grant that in the policies of the login, of the bucket and of its key: docs/s3.md lists the minimum.',
  }
}

function regionOf(error: unknown, code: string, status: number): Failure | null {
  if (!WRONG_REGION.has(code) && status !== 301) return null
  const region = responseHeader(error, 'x-amz-bucket-region') ?? property(error, 'Region')
  return {
    what: region === null ? 'the bucket is in another region' : `the bucket is in ${printable(region)}`,
    advice: `Add ?region=${region === null ? '…' : printable(region)}, or set AWS_REGION.`,
  }
}

/** The code of a client error, the status of the answer (0 when there was none), and its text. */
export function seen(error: unknown): { readonly code: string; readonly status: number; readonly text: string } {
  if (!(error instanceof Error)) return { code: 'an unknown error', status: 0, text: '' }
  const metadata: unknown = '$metadata' in error ? error.$metadata : null
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata ? metadata.httpStatusCode : 0
  return { code: error.name, status: typeof status === 'number' ? status : 0, text: error.message }
}

function property(of: unknown, name: string): string | null {
  const value = typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? value : null
}

function responseHeader(error: unknown, name: string): string | null {
  const response = typeof error === 'object' && error !== null && '$response' in error ? error.$response : null
  const headers = typeof response === 'object' && response !== null && 'headers' in response ? response.headers : null
  return property(headers, name)
}
