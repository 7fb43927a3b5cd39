/** Amazon S3, and stores with its protocol, through the official client. */

import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import { AuditError, interrupted, printable } from '../errors.js'
import { REQUEST_RETRIES, retriesExhausted, retryingRequest } from '../retry.js'
import type { Content, LockedObject, ObjectStore, Reading, StoredObject, WriteCondition } from './contract.js'
import { checksumOf, chunksOf, decoded, quoted, stored, unquoted } from './s3/answers.js'
import { archivedOf } from './s3/archived.js'
import { type S3Bucket, s3Client, TIMING, type Timing } from './s3/client.js'
import { failed, OPERATIONS, type Operation, seen } from './s3/failures.js'
import { put, writtenBefore } from './s3/write.js'
import { upload } from './upload.js'

/** How often to look up an object that a HEAD misses and a GET finds: it was written in between, or the store is at odds with itself. */
const LOOKUPS = 3

/**
 * Finds logins where AWS's own tools do: environment, profiles, SSO, web identity, the role of the machine.
 *
 * @param timing injected by tests
 * @throws AuditError, exit code 2, for an invalid bucket name
 */
export function s3Store(target: S3Bucket, timing: Timing = TIMING): ObjectStore {
  const { bucket } = target
  const id = `s3://${bucket}`
  const client = s3Client(target, timing)

  /** For requests that the client itself has retried. */
  function failure(operation: Operation, key: string, error: unknown, signal: AbortSignal): AuditError {
    const one = failed(operation, `${id}/${key}`, error, signal)
    return one.retryable ? retriesExhausted(one, timing.attempts - 1) : one
  }

  async function* list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    let token: string | undefined
    do {
      const command = new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        StartAfter: token === undefined ? after : undefined,
        ContinuationToken: token,
        // XML cannot represent every character of a key.
        EncodingType: 'url',
        OptionalObjectAttributes: ['RestoreStatus'],
      })
      const page = await client.send(command, under(signal)).catch((error) => {
        throw failure(OPERATIONS.list, prefix, error, signal)
      })
      for (const object of page.Contents ?? []) {
        const { Key, Size, ETag, LastModified } = object
        const key = decoded(Key ?? '', page.EncodingType)
        const archived = archivedOf(object)
        const listed = stored(id, key, { bytes: Size, etag: ETag, lastModified: LastModified })
        yield archived === undefined ? listed : { ...listed, archived }
      }
      const next = page.IsTruncated === true ? (page.NextContinuationToken ?? '') : undefined
      if (next === '' || (next !== undefined && next === token)) {
        throw new AuditError(
          `${printable(`${id}/${prefix}`)}: the listing continues, but the store gave no new continuation token`,
        )
      }
      token = next
    } while (token !== undefined)
  }

  async function find(key: string, signal: AbortSignal, attempt = 1): Promise<StoredObject | null> {
    try {
      const command = new HeadObjectCommand({ Bucket: bucket, Key: key })
      const { ContentLength, ETag, LastModified } = await client.send(command, under(signal))
      return stored(id, key, { bytes: ContentLength, etag: ETag, lastModified: LastModified })
    } catch (error) {
      if (error instanceof AuditError) throw error
      const { status } = seen(error)
      // The answer to a HEAD has no body with the reason; a GET tells a missing bucket from a missing object.
      if (status >= 400 && status < 500 && (await isAbsent(key, signal))) return null
      // Another loader has written it since.
      if (status === 404 && attempt < LOOKUPS) return await find(key, signal, attempt + 1)
      throw failure(OPERATIONS.find, key, error, signal)
    }
  }

  /** @throws AuditError for any other error */
  async function isAbsent(key: string, signal: AbortSignal): Promise<boolean> {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), under(signal))
      destroy(Body)
      return false
    } catch (error) {
      if (seen(error).code === 'NoSuchKey') return true
      throw failure(OPERATIONS.find, key, error, signal)
    }
  }

  async function read(
    { key, version }: Pick<StoredObject, 'key' | 'version'>,
    from: number,
    signal: AbortSignal,
  ): Promise<Reading | null> {
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      IfMatch: quoted(version),
      ...(from === 0 ? {} : { Range: `bytes=${from}-` }),
    })
    if (from === 0) askForChecksum(command)
    let output: GetObjectCommandOutput
    try {
      output = await client.send(command, under(signal))
    } catch (error) {
      const { code, status } = seen(error)
      if (code === 'NoSuchKey' || status === 412) return null
      // The object ends before `from`: nothing is left to read.
      if (status === 416) return { chunks: nothing(), checksum: null }
      throw failure(OPERATIONS.read, key, error, signal)
    }
    // Not every store respects If-Match.
    if (unquoted(output.ETag ?? '') !== version) {
      destroy(output.Body)
      return null
    }
    if (from > 0 && !output.ContentRange?.startsWith(`bytes ${from}-`)) {
      destroy(output.Body)
      throw new AuditError(`${printable(`${id}/${key}`)}: asked for the bytes from ${from} on, the store sent others`, {
        advice: 'The store, or a proxy, does not support ranges: an interrupted read cannot be resumed.',
      })
    }
    return { chunks: chunksOf(output.Body as Readable, `${id}/${key}`, signal), checksum: checksumOf(output) }
  }

  async function write(
    key: string,
    content: Content,
    condition: WriteCondition,
    signal: AbortSignal,
    retainUntil?: Date,
  ): Promise<string | null> {
    const one = { bucket, key, upload: await upload(content, 'sha256'), condition, id: randomUUID(), retainUntil }
    let attempts = 0
    const attempt = async (): Promise<string | null> => {
      attempts++
      try {
        return await put(client, one, signal).catch((error) => {
          const { code, status } = seen(error)
          const conditionFailed = status === 412 || (typeof condition === 'object' && code === 'NoSuchKey')
          if (!conditionFailed) throw error
          // An earlier attempt may have succeeded although its answer was lost.
          return attempts === 1 ? null : writtenBefore(client, one, signal)
        })
      } catch (error) {
        throw failed(OPERATIONS.write, `${id}/${key}`, error, signal)
      }
    }
    return retryingRequest(attempt, signal, { ...REQUEST_RETRIES, retries: timing.attempts - 1 })
  }

  async function remove(key: string, signal: AbortSignal): Promise<void> {
    try {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), under(signal))
    } catch (error) {
      if (seen(error).code !== 'NoSuchKey') throw failure(OPERATIONS.remove, key, error, signal)
    }
  }

  /** The listing does not tell, so each object is asked for. */
  async function* locks(prefix: string, signal: AbortSignal): AsyncGenerator<LockedObject> {
    for await (const { key } of list(prefix, signal)) {
      const command = new HeadObjectCommand({ Bucket: bucket, Key: key })
      const { ObjectLockMode, ObjectLockRetainUntilDate } = await client.send(command, under(signal)).catch((error) => {
        throw failure(OPERATIONS.find, key, error, signal)
      })
      yield { key, until: (ObjectLockMode === 'COMPLIANCE' && ObjectLockRetainUntilDate) || null }
    }
  }

  async function locksByItself(signal: AbortSignal): Promise<boolean | null> {
    try {
      const command = new GetObjectLockConfigurationCommand({ Bucket: bucket })
      const { ObjectLockConfiguration } = await client.send(command, under(signal))
      return ObjectLockConfiguration?.Rule?.DefaultRetention !== undefined
    } catch (error) {
      if (signal.aborted) throw interrupted()
      return seen(error).code === 'ObjectLockConfigurationNotFoundError' ? false : null
    }
  }

  return {
    id,
    listsInOrder: true,
    list,
    find,
    read,
    write,
    remove,
    locks,
    locksByItself,
    close: async () => client.destroy(),
  }
}

/**
 * Requests the object's checksum by its header. The client's own option would also verify it, but supports fewer algorithms,
 * refuses the others, and cannot resume a broken connection.
 */
function askForChecksum(command: GetObjectCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> }
      headers['x-amz-checksum-mode'] = 'ENABLED'
      return next(args)
    },
    { step: 'build', name: 'askForChecksum' },
  )
}

/** All requests in flight listen to one signal; Node would warn of a leak from the eleventh on. */
function under(signal: AbortSignal): { abortSignal: AbortSignal } {
  setMaxListeners(0, signal)
  return { abortSignal: signal }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Closes the connection of a body that will not be read. */
function destroy(body: GetObjectCommandOutput['Body']): void {
  ;(body as Readable | undefined)?.destroy()
}
