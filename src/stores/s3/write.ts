/** One attempt to write an object, and recognising what an earlier attempt wrote. */

import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { WriteCondition } from '../contract.js'
import type { Upload } from '../upload.js'
import { quoted, unquoted } from './answers.js'
import { seen } from './failures.js'

export interface Write {
  readonly bucket: string
  readonly key: string
  readonly upload: Upload
  readonly condition: WriteCondition
  /** The same for every attempt; kept in the object's metadata. */
  readonly id: string
  readonly retainUntil: Date | undefined
}

const ID = 'wandb-audit-write'

/**
 * Sends the whole object once. The body is a stream, which the client cannot retry by itself.
 *
 * @returns its version
 * @throws what the client throws
 */
export async function put(client: S3Client, write: Write, signal: AbortSignal): Promise<string> {
  const { bytes, digest: sha256, open } = write.upload
  const body = open()
  const unreadable = new AbortController()
  body.once('error', () => unreadable.abort())
  const command = new PutObjectCommand({
    Bucket: write.bucket,
    Key: write.key,
    Body: body,
    ContentLength: bytes,
    ChecksumSHA256: sha256.toString('base64'),
    // Required where an object gets a lock, which may be by the bucket's default.
    ChecksumAlgorithm: 'SHA256',
    Metadata: { [ID]: write.id },
    // Compliance mode: not even the account's root user can shorten it.
    ...(write.retainUntil === undefined
      ? {}
      : { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: write.retainUntil }),
    ...(write.condition === 'absent' ? { IfNoneMatch: '*' } : {}),
    ...(typeof write.condition === 'object' ? { IfMatch: quoted(write.condition.version) } : {}),
  })
  // Signed in one piece, which every store verifies; the client's default, a trailing checksum, works only with AWS.
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { readonly headers: Record<string, string> }
      headers['x-amz-content-sha256'] = sha256.toString('hex')
      return next(args)
    },
    { step: 'build' },
  )
  try {
    const { ETag } = await client.send(command, { abortSignal: AbortSignal.any([signal, unreadable.signal]) })
    return unquoted(ETag ?? '')
  } finally {
    body.destroy()
  }
}

/**
 * The version of the object if an earlier attempt of this same write made it; otherwise null.
 *
 * @throws what the client throws
 */
export async function writtenBefore(client: S3Client, write: Write, signal: AbortSignal): Promise<string | null> {
  try {
    const command = new HeadObjectCommand({ Bucket: write.bucket, Key: write.key })
    const { Metadata, ETag } = await client.send(command, { abortSignal: signal })
    return Metadata?.[ID] === write.id ? unquoted(ETag ?? '') : null
  } catch (error) {
    if (seen(error).status === 404) return null
    throw error
  }
}
