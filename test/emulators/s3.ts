/**
 * A stand-in of S3 on this machine, for the tests: buckets in memory, addressed by path, as the official client talks to
 * them, and on request everything that goes wrong on the way.
 *
 * Signatures must be there and name the right region; whether they are right is not looked at. Only the actions below are
 * known; anything else is answered with 501.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen } from '../../src/demo/listening.js'
import { faultAtOnce, faultQueue } from './faults.js'
import { type Asked, authorise, header, parsed } from './s3/asked.js'
import { type Action, type Fault, sendObject } from './s3/faults.js'
import { listing } from './s3/listing.js'
import { checkLock, lockConfiguration, requireUnlocked, withDefaultLock } from './s3/locks.js'
import { Bucket, blob, type PutOptions } from './s3/objects.js'
import { type Answer, checksums, checkWritable, NOTHING, read } from './s3/reading.js'
import { Refusal } from './s3/refusals.js'
import { receive } from './s3/upload.js'

export type { Action, Fault } from './s3/faults.js'

export interface S3Options {
  readonly buckets: readonly string[]
  /** Where the buckets are; `us-east-1` when absent. */
  readonly region?: string
  /** Of these, who asks has to say that he pays. */
  readonly requesterPays?: readonly string[]
  /** Of these, the ones with Object Lock. */
  readonly objectLock?: readonly string[]
  /** Of those, the ones that lock by default what is written, for a year. */
  readonly defaultRetention?: readonly string[]
  /** The most keys of one page of a listing; 1000 when absent. */
  readonly pageSize?: number
}

export interface S3Request {
  readonly method: string
  readonly action: Action
  readonly bucket: string | null
  readonly key: string | null
  readonly query: Readonly<Record<string, string>>
  readonly range: string | null
  readonly ifMatch: string | null
  readonly ifNoneMatch: string | null
  /** What it was answered with; null when there was no answer. */
  readonly status: number | null
}

export interface S3StandIn {
  readonly url: string
  readonly region: string
  /** Every request so far, in the order they came. */
  readonly requests: readonly S3Request[]
  put(bucket: string, key: string, bytes: Uint8Array, options?: PutOptions): void
  get(bucket: string, key: string): Uint8Array | null
  /** Of a bucket, in no order. */
  keys(bucket: string): string[]
  remove(bucket: string, key: string): void
  fail(fault: Fault): void
  /** How many faults nobody ran into yet. */
  readonly faultsLeft: number
  close(): Promise<void>
}

/** Starts the stand-in on 127.0.0.1, on a port of the system's choice. */
export async function startS3(options: S3Options): Promise<S3StandIn> {
  const buckets = new Map(options.buckets.map((name): [string, Bucket] => [name, new Bucket()]))
  const { region = 'us-east-1', pageSize = 1000 } = options
  const requests: S3Request[] = []
  const faults = faultQueue<Fault>()

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = parsed(request)
    const fault = faults.next(asked.action, asked.key)
    const entry = logEntry(request, asked)
    const place = requests.push(entry) - 1
    response.once('close', () => {
      if (response.headersSent) requests[place] = { ...entry, status: response.statusCode }
    })
    if (await faultAtOnce(fault, request)) return
    try {
      if (fault?.kind === 'refuse') throw new Refusal(fault.code, fault.message ?? 'as asked for', {}, fault.headers)
      authorise(request, region)
      const pays = header(request, 'x-amz-request-payer') === 'requester'
      if (options.requesterPays?.includes(asked.bucket ?? '') && !pays)
        throw new Refusal('AccessDenied', 'Access Denied')
      const answer = await carryOut(request, asked, fault)
      if (fault?.kind === 'lost-answer') {
        request.socket.resetAndDestroy()
        return
      }
      response.writeHead(answer.status, answer.headers)
      if (request.method === 'HEAD' || answer.status === 204) response.end()
      else await sendObject(response, answer.body, fault)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      request.resume()
      const body = request.method === 'HEAD' ? '' : error.xml
      response.writeHead(error.status, { 'content-type': 'application/xml', ...error.headers }).end(body)
    }
  }

  async function carryOut(request: IncomingMessage, asked: Asked, fault: Fault | null): Promise<Answer> {
    const { action, key, query } = asked
    const bucket = asked.bucket === null ? undefined : buckets.get(asked.bucket)
    if (action === 'unknown') throw new Refusal('NotImplemented', 'the stand-in does not know this request')
    if (bucket === undefined) {
      throw new Refusal('NoSuchBucket', 'The specified bucket does not exist', { BucketName: asked.bucket ?? '' })
    }
    if (action === 'ListObjectsV2') {
      const omitted = new Set(fault?.kind === 'unlisted' ? [fault.object] : [])
      const attributes = header(request, 'x-amz-optional-object-attributes') ?? ''
      const body = Buffer.from(listing(asked.bucket ?? '', bucket, query, pageSize, attributes, omitted))
      return { status: 200, headers: { 'content-type': 'application/xml', 'content-length': body.length }, body }
    }
    const hasLock = options.objectLock?.includes(asked.bucket ?? '') ?? false
    const locksByDefault = options.defaultRetention?.includes(asked.bucket ?? '') ?? false
    if (action === 'GetObjectLockConfiguration') {
      if (!hasLock)
        throw new Refusal(
          'ObjectLockConfigurationNotFoundError',
          'Object Lock configuration does not exist for this bucket',
        )
      const body = Buffer.from(lockConfiguration(locksByDefault))
      return { status: 200, headers: { 'content-type': 'application/xml', 'content-length': body.length }, body }
    }
    const name = key ?? ''
    if (action === 'GetObject' || action === 'HeadObject') {
      return read(request, bucket.get(name), name, fault?.kind === 'ignore' ? fault.header : null)
    }
    if (action === 'DeleteObject') {
      requireUnlocked(bucket.get(name))
      bucket.delete(name)
      return { status: 204, headers: {}, body: NOTHING }
    }
    const upload = await receive(request)
    // Looked at when all has arrived: of two that write at once, the second to arrive finds the first one's object.
    if (fault?.kind === 'unconditional') delete request.headers[fault.header]
    checkWritable(request, bucket.get(name), name)
    requireUnlocked(bucket.get(name))
    const checked = ['content-md5', 'x-amz-sdk-checksum-algorithm'].some((each) => header(request, each) !== null)
    checkLock(upload.headers, hasLock, checked)
    const written = blob(upload.bytes, { headers: locksByDefault ? withDefaultLock(upload.headers) : upload.headers })
    bucket.set(name, written)
    return { status: 200, headers: { etag: written.etag, ...checksums(written) }, body: NOTHING }
  }

  const server = await listen(serve)
  const bucketOf = (name: string): Bucket => {
    const bucket = buckets.get(name)
    if (bucket === undefined) throw new Error(`the stand-in has no bucket ${name}`)
    return bucket
  }
  return {
    url: server.url,
    region,
    requests,
    put: (bucket, key, bytes, putOptions) => void bucketOf(bucket).set(key, blob(bytes, putOptions)),
    get: (bucket, key) => bucketOf(bucket).get(key)?.bytes ?? null,
    keys: (bucket) => [...bucketOf(bucket).keys()],
    remove: (bucket, key) => void bucketOf(bucket).delete(key),
    fail: (fault) => faults.add(fault),
    get faultsLeft() {
      return faults.left
    },
    close: server.close,
  }
}

const logEntry = (request: IncomingMessage, { action, bucket, key, query }: Asked): S3Request => ({
  method: request.method ?? '',
  action,
  bucket,
  key,
  query: Object.fromEntries(query),
  range: header(request, 'range'),
  ifMatch: header(request, 'if-match'),
  ifNoneMatch: header(request, 'if-none-match'),
  status: null,
})
