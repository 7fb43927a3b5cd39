/** Translates S3's answers into the terms of the contract. */

import type { Readable } from 'node:stream'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { AuditError, interrupted, printable } from '../../errors.js'
import type { Checksum, StoredObject } from '../contract.js'
import { bare } from './failures.js'

/** ETags come with quotes, from some stores without. */
export const unquoted = (etag: string): string => etag.replace(/^"(.*)"$/, '$1')
export const quoted = (version: string): string => `"${version}"`

interface Described {
  readonly bytes: number | undefined
  readonly etag: string | undefined
  readonly lastModified: Date | undefined
}

/** @throws AuditError when the store omits a required field */
export function stored(id: string, key: string, { bytes, etag, lastModified }: Described): StoredObject {
  if (bytes === undefined || etag === undefined || lastModified === undefined) {
    throw new AuditError(`${printable(`${id}/${key}`)}: the store does not report size, ETag and last-modified time`, {
      advice: 'Only stores that answer as S3 does can be read; check the endpoint.',
    })
  }
  return { key, bytes, version: unquoted(etag), lastModified }
}

/**
 * Decodes a key of a listing with `encoding-type=url`, which is form-encoded: `+` is a space.
 *
 * @throws AuditError when the key is not encoded although the store claims it is
 */
export function decoded(key: string, encoding: string | undefined): string {
  if (encoding !== 'url') return key
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch (cause) {
    throw new AuditError(`the store lists a key that is not URL-encoded as it claims: ${printable(key)}`, {
      advice: 'Only stores that list as S3 does can be read; check the endpoint.',
      cause,
    })
  }
}

const CHECKSUMS = [
  ['sha512', 'ChecksumSHA512'],
  ['sha256', 'ChecksumSHA256'],
  ['sha1', 'ChecksumSHA1'],
  ['crc64nvme', 'ChecksumCRC64NVME'],
  ['crc32c', 'ChecksumCRC32C'],
  ['crc32', 'ChecksumCRC32'],
  ['xxhash128', 'ChecksumXXHASH128'],
  ['xxhash3', 'ChecksumXXHASH3'],
  ['xxhash64', 'ChecksumXXHASH64'],
] as const

/** Null when there is no checksum, or only one over the checksums of an object's parts. */
export function checksumOf(output: GetObjectCommandOutput): Checksum | null {
  if (output.ChecksumType === 'COMPOSITE') return null
  for (const [algorithm, name] of CHECKSUMS) {
    const digest = output[name]
    // `…-3` at the end: over three parts.
    if (digest !== undefined && !/-\d+$/.test(digest)) return { algorithm, digest }
  }
  return null
}

/** A body's bytes. The iteration rejects with a retryable AuditError when they do not all arrive as stored. */
export function chunksOf(body: Readable, address: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  // Without a listener, a connection that breaks before the body is read would crash the process.
  body.on('error', () => {})
  return arriving(body, address, signal)
}

async function* arriving(body: Readable, address: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    if (signal.aborted) throw interrupted()
    throw new AuditError(`${printable(address)} did not arrive whole`, {
      retryable: true,
      advice: 'Check network and proxy; the next run reads it again.',
      cause: bare(cause),
    })
  }
}
