/** What S3 answers, in the words of the contract. */

import type { Readable } from 'node:stream'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { AuditError, interrupted, printable } from '../../errors.js'
import type { Checksum, StoredObject } from '../contract.js'
import { bare } from './failures.js'

/** ETags come with quotes, and from some stores without. */
export const unquoted = (etag: string): string => etag.replace(/^"(.*)"$/, '$1')
export const quoted = (version: string): string => `"${version}"`

interface Described {
  readonly bytes: number | undefined
  readonly etag: string | undefined
  readonly lastModified: Date | undefined
}

/** @throws AuditError when the store leaves out what is needed */
export function stored(id: string, key: string, { bytes, etag, lastModified }: Described): StoredObject {
  if (bytes === undefined || etag === undefined || lastModified === undefined) {
    throw new AuditError(`${printable(`${id}/${key}`)}: the store does not tell size, ETag and time of change`, {
      advice: 'Only stores that answer as S3 does can be read; check the endpoint.',
    })
  }
  return { key, bytes, version: unquoted(etag), lastModified }
}

/**
 * A key of a listing with `encoding-type=url`: encoded like a form, with `+` for a space.
 *
 * @throws AuditError when it is not, though the store says so
 */
export function decoded(key: string, encoding: string | undefined): string {
  if (encoding !== 'url') return key
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch (cause) {
    throw new AuditError(`the store lists a key that is not encoded as it says: ${printable(key)}`, {
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

/** Null when there is none, or only one of the checksums of an object's parts. */
export function checksumOf(output: GetObjectCommandOutput): Checksum | null {
  if (output.ChecksumType === 'COMPOSITE') return null
  for (const [algorithm, name] of CHECKSUMS) {
    const digest = output[name]
    // `…-3` at the end: of three parts.
    if (digest !== undefined && !/-\d+$/.test(digest)) return { algorithm, digest }
  }
  return null
}

/** A body's bytes. The iteration rejects with a retryable AuditError when they do not all arrive as they were stored. */
export function chunksOf(body: Readable, place: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  // One that breaks before anybody reads it waits for its reader, and does not end the process.
  body.on('error', () => {})
  return arriving(body, place, signal)
}

async function* arriving(body: Readable, place: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    if (signal.aborted) throw interrupted()
    throw new AuditError(`${printable(place)} did not arrive whole`, {
      retryable: true,
      advice: 'Check network and proxy; the next run reads it again.',
      cause: bare(cause),
    })
  }
}
