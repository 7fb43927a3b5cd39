/**
 * A stand-in of Google Cloud Storage on this machine, for the tests: buckets in memory behind the part of the JSON API
 * that is used here, and on request everything that goes wrong on the way.
 *
 * Resumable uploads, ranges with an end and all other methods are answered with 501.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen } from '../../src/demo/listening.js'
import { type Action, type Fault, faultAtOnce, faultQueue, sendBody } from './faults.js'
import {
  type Blob,
  type BlobOptions,
  blob,
  checkName,
  checkRetention,
  type Media,
  media,
  partial,
  requireUnretained,
  resource,
} from './gcs/objects.js'
import { Refusal } from './gcs/refusals.js'
import { receive } from './gcs/upload.js'

export interface GcsOptions {
  readonly buckets: readonly string[]
  /** Of these, who asks has to name a project that pays. */
  readonly requesterPays?: readonly string[]
  /** Of these, the ones created with object retention. */
  readonly objectRetention?: readonly string[]
  /** Of these, the ones with a retention policy, which is not locked. Their objects are not kept from being removed. */
  readonly retentionPolicy?: readonly string[]
  /** The most objects of one page; 1000 when absent. */
  readonly pageSize?: number
  /** The only Authorization header it takes; any and none when absent. */
  readonly authorization?: string
}

export interface GcsRequest {
  readonly method: string
  readonly action: Action
  readonly bucket: string
  readonly key: string | null
  readonly query: Readonly<Record<string, string>>
  readonly range: string | null
  /** Whether a login came along. */
  readonly authorized: boolean
}

export interface GcsStandIn {
  readonly url: string
  /** Every request so far, in the order they came. */
  readonly requests: readonly GcsRequest[]
  put(bucket: string, key: string, bytes: Uint8Array, options?: BlobOptions): void
  get(bucket: string, key: string): Uint8Array | null
  remove(bucket: string, key: string): void
  fail(fault: Fault): void
  /** How many faults nobody ran into yet. */
  readonly faultsLeft: number
  close(): Promise<void>
}

type Bucket = Map<string, Blob>

interface Asked {
  readonly action: Action
  readonly bucket: string
  readonly key: string | null
  readonly query: URLSearchParams
}

/** Starts the stand-in on 127.0.0.1, on a port of the system's choice. */
export async function startGcs(options: GcsOptions): Promise<GcsStandIn> {
  const buckets = new Map(options.buckets.map((name): [string, Bucket] => [name, new Map()]))
  const { pageSize = 1000, authorization } = options
  const requests: GcsRequest[] = []
  const faults = faultQueue<Fault>()

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = parsed(request)
    requests.push({
      method: request.method ?? '',
      ...asked,
      query: Object.fromEntries(asked.query),
      range: request.headers.range ?? null,
      authorized: request.headers.authorization !== undefined,
    })
    const fault = faults.next(asked.action, asked.key)
    if (await faultAtOnce(fault, request)) return
    try {
      if (fault?.kind === 'refuse') throw new Refusal(fault.status, fault.code, fault.message ?? fault.code)
      if (authorization !== undefined && request.headers.authorization !== authorization) {
        throw new Refusal(401, 'required', 'Anonymous caller does not have access to the bucket.')
      }
      if (options.requesterPays?.includes(asked.bucket) && !asked.query.has('userProject')) {
        throw new Refusal(400, 'required', 'Bucket is a requester pays bucket but no user project provided.')
      }
      const { status, headers, body } = await carryOut(request, asked, fault)
      response.writeHead(status, headers as Record<string, string>)
      await sendBody(response, body, fault)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      request.resume()
      // Downloads are refused in plain text.
      const text = asked.query.get('alt') === 'media' ? error.message : error.json
      response.writeHead(error.status, { 'content-type': 'application/json' }).end(text)
    }
  }

  async function carryOut(
    request: IncomingMessage,
    { action, bucket: name, key, query }: Asked,
    fault: Fault | null,
  ): Promise<Media> {
    if (action === 'unknown') throw new Refusal(501, 'notImplemented', 'the stand-in does not know this request')
    const bucket = buckets.get(name)
    if (bucket === undefined) throw new Refusal(404, 'notFound', 'The specified bucket does not exist.')
    if (action === 'bucket') {
      const retentionPolicy = { retentionPeriod: '31536000', effectiveTime: new Date(0).toISOString() }
      const isRetained = options.retentionPolicy?.includes(name) ?? false
      return answered(partial({ name, ...(isRetained ? { retentionPolicy } : {}) }, query.get('fields')))
    }
    if (action === 'list') return answered(listing(name, bucket, query, pageSize))
    if (action === 'write') {
      const { name: key, bytes, metadata, contentEncoding, retention } = await receive(request, query)
      checkName(key)
      // Looked at when all has arrived: of two that write at once, the second to arrive finds the first one's object.
      // Generation 0 is what If-None-Match is elsewhere.
      const header = query.get('ifGenerationMatch') === '0' ? 'if-none-match' : 'if-match'
      if (fault?.kind !== 'unconditional' || fault.header !== header) checkGeneration(query, bucket.get(key))
      requireUnretained(bucket.get(key))
      checkRetention(retention, options.objectRetention?.includes(name) ?? false)
      const written = blob(bytes, { metadata, retention, ...(contentEncoding === null ? {} : { contentEncoding }) })
      bucket.set(key, written)
      return answered(partial(resource(name, key, written), query.get('fields')))
    }
    const found = bucket.get(key ?? '')
    if (found === undefined) throw new Refusal(404, 'notFound', `No such object: ${name}/${key}`)
    checkGeneration(query, found)
    if (query.has('generation') && query.get('generation') !== found.generation) {
      throw new Refusal(404, 'notFound', `No such object: ${name}/${key}`)
    }
    if (action === 'remove') {
      requireUnretained(found)
      bucket.delete(key ?? '')
      return { status: 204, headers: {}, body: new Uint8Array() }
    }
    if (action === 'find') return answered(partial(resource(name, key ?? '', found), query.get('fields')))
    return media(found, request.headers.range ?? null, String(request.headers['accept-encoding'] ?? ''))
  }

  const server = await listen(serve)
  const bucketOf = (name: string): Bucket => {
    const bucket = buckets.get(name)
    if (bucket === undefined) throw new Error(`the stand-in has no bucket ${name}`)
    return bucket
  }
  return {
    url: server.url,
    requests,
    put: (bucket, key, bytes, blobOptions) => void bucketOf(bucket).set(key, blob(bytes, blobOptions)),
    get: (bucket, key) => bucketOf(bucket).get(key)?.bytes ?? null,
    remove: (bucket, key) => void bucketOf(bucket).delete(key),
    fail: (fault) => faults.add(fault),
    get faultsLeft() {
      return faults.left
    },
    close: server.close,
  }
}

function parsed({ url = '/', method }: IncomingMessage): Asked {
  const { pathname, searchParams: query } = new URL(url, 'http://127.0.0.1')
  const named = /^\/storage\/v1\/b\/([^/]+)$/.exec(pathname)?.[1]
  if (named !== undefined)
    return { bucket: decodeURIComponent(named), key: null, query, action: method === 'GET' ? 'bucket' : 'unknown' }
  const [, upload, bucket = '', , key] =
    /^(\/upload)?\/storage\/v1\/b\/([^/]+)\/o(\/([^/]+))?$/
      .exec(pathname)
      ?.map((part) => part && decodeURIComponent(part)) ?? []
  const asked = { bucket, key: key ?? null, query }
  if (bucket === '') return { ...asked, action: 'unknown' }
  if (method === 'POST' && upload !== undefined && key === undefined) return { ...asked, action: 'write' }
  if (upload !== undefined || method === 'POST') return { ...asked, action: 'unknown' }
  if (method === 'GET' && key === undefined) return { ...asked, action: 'list' }
  if (method === 'GET') return { ...asked, action: query.get('alt') === 'media' ? 'read' : 'find' }
  return { ...asked, action: method === 'DELETE' && key !== undefined ? 'remove' : 'unknown' }
}

function listing(name: string, bucket: Bucket, query: URLSearchParams, pageSize: number): Record<string, unknown> {
  const unknown = ['delimiter', 'versions', 'softDeleted'].find((name) => query.has(name))
  if (unknown !== undefined) throw new Refusal(501, 'notImplemented', `the stand-in does not know ${unknown}`)
  const prefix = query.get('prefix') ?? ''
  const after = Buffer.from(query.get('pageToken') ?? '', 'base64url')
  const startOffset = Buffer.from(query.get('startOffset') ?? '')
  const most = Math.min(Number(query.get('maxResults') ?? pageSize), pageSize)
  const keys = [...bucket.keys()]
    .filter((key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), after) > 0)
    .filter((key) => Buffer.compare(Buffer.from(key), startOffset) >= 0)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const page = keys.slice(0, most)
  const items = page.map((key) => resource(name, key, bucket.get(key) as Blob))
  const nextPageToken = Buffer.from(page.at(-1) ?? '').toString('base64url')
  return partial(
    // An empty page has no items at all.
    { ...(items.length === 0 ? {} : { items }), ...(keys.length > most ? { nextPageToken } : {}) },
    query.get('fields'),
  )
}

/** https://cloud.google.com/storage/docs/request-preconditions */
function checkGeneration(query: URLSearchParams, found: Blob | undefined): void {
  const wanted = query.get('ifGenerationMatch')
  if (wanted === null || wanted === (found?.generation ?? '0')) return
  throw new Refusal(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.')
}

function answered(value: Record<string, unknown>): Media {
  const body = Buffer.from(JSON.stringify(value))
  return { status: 200, headers: { 'content-type': 'application/json', 'content-length': body.length }, body }
}
