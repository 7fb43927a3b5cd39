/** Objects as Google Cloud Storage keeps and describes them. https://cloud.google.com/storage/docs/json_api/v1/objects#resource */

import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { CRC32C } from '@google-cloud/storage'
import { Refusal } from './refusals.js'
import type { Retention } from './upload.js'

export interface Blob {
  readonly bytes: Buffer
  readonly generation: string
  readonly updated: string
  readonly contentEncoding: string | null
  readonly metadata: Readonly<Record<string, string>>
  /** Objects put together from others have none. */
  readonly md5: string | null
  readonly crc32c: string
  readonly retention: Retention | null
}

export interface BlobOptions {
  readonly retention?: Retention | null
  readonly contentEncoding?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** As if it had been put together from others. */
  readonly composed?: boolean
}

let generations = 1_790_000_000_000_000n

export function blob(bytes: Uint8Array, options: BlobOptions = {}): Blob {
  const crc32c = new CRC32C()
  crc32c.update(Buffer.from(bytes))
  generations += 7n
  return {
    bytes: Buffer.from(bytes),
    generation: String(generations),
    updated: new Date().toISOString(),
    contentEncoding: options.contentEncoding ?? null,
    metadata: options.metadata ?? {},
    md5: options.composed === true ? null : createHash('md5').update(bytes).digest('base64'),
    crc32c: crc32c.toString(),
    retention: options.retention ?? null,
  }
}

/** https://cloud.google.com/storage/docs/object-lock */
export function checkRetention(retention: Retention | null, isEnabled: boolean): void {
  if (retention === null) return
  if (!isEnabled) throw new Refusal(400, 'invalid', 'Object retention is not enabled for the bucket.')
  if (!(new Date(retention.retainUntilTime) > new Date())) {
    throw new Refusal(400, 'invalid', 'Object retention time must be in the future.')
  }
}

export function requireUnretained(found: Blob | undefined): void {
  if (found?.retention == null || new Date(found.retention.retainUntilTime) <= new Date()) return
  throw new Refusal(
    403,
    'retentionPolicyNotMet',
    'Object is under active retention and cannot be deleted or overwritten.',
  )
}

/** https://cloud.google.com/storage/docs/objects#naming */
export function checkName(name: string): void {
  const allowed = name !== '' && name !== '.' && name !== '..' && !/[\r\n]/.test(name)
  if (!allowed || Buffer.byteLength(name) > 1024 || name.startsWith('.well-known/acme-challenge/')) {
    throw new Refusal(400, 'invalid', 'Invalid object name')
  }
}

/** The fields of a resource; a client that asks for fewer gets fewer. */
export function resource(bucket: string, name: string, blob: Blob): Record<string, unknown> {
  return {
    kind: 'storage#object',
    id: `${bucket}/${name}/${blob.generation}`,
    name,
    bucket,
    generation: blob.generation,
    metageneration: '1',
    ...(blob.retention === null ? {} : { retention: blob.retention }),
    size: String(blob.bytes.length),
    crc32c: blob.crc32c,
    timeCreated: blob.updated,
    updated: blob.updated,
    ...(blob.md5 === null ? {} : { md5Hash: blob.md5 }),
    ...(blob.contentEncoding === null ? {} : { contentEncoding: blob.contentEncoding }),
    ...(Object.keys(blob.metadata).length === 0 ? {} : { metadata: blob.metadata }),
  }
}

/** `name,items(name,size)`: https://cloud.google.com/storage/docs/json_api#partial-response */
export function partial(value: Record<string, unknown>, fields: string | null): Record<string, unknown> {
  if (fields === null) return value
  const chosen: Record<string, unknown> = {}
  for (const [, name = '', inner] of fields.matchAll(/(\w+)(?:\(([^)]*)\))?/g)) {
    const field = value[name]
    if (field === undefined) continue
    chosen[name] =
      inner === undefined ? field : (field as Record<string, unknown>[]).map((each) => partial(each, inner))
  }
  return chosen
}

export interface Media {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number | string[]>>
  readonly body: Uint8Array
}

/** A download; what is stored packed is unpacked unless the client takes it as it is: https://cloud.google.com/storage/docs/transcoding */
export function media(blob: Blob, range: string | null, acceptEncoding: string): Media {
  const { bytes, generation, md5, crc32c, contentEncoding } = blob
  const headers = {
    'x-goog-generation': generation,
    'x-goog-stored-content-length': bytes.length,
    'x-goog-stored-content-encoding': contentEncoding ?? 'identity',
    'x-goog-hash': [`crc32c=${crc32c}`, ...(md5 === null ? [] : [`md5=${md5}`])],
  }
  if (contentEncoding === 'gzip' && !/\bgzip\b/.test(acceptEncoding)) {
    return { status: 200, headers, body: gunzipSync(bytes) }
  }
  const encoding: Record<string, string> = contentEncoding === null ? {} : { 'content-encoding': contentEncoding }
  const from = /^bytes=(\d+)-$/.exec(range ?? '')?.[1]
  if (range !== null && from === undefined) throw new Refusal(501, 'notImplemented', 'another form of Range')
  const start = Number(from ?? 0)
  if (from !== undefined && start >= bytes.length) {
    throw new Refusal(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable')
  }
  const body = bytes.subarray(start)
  const contentRange =
    from === undefined ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }
  return {
    status: from === undefined ? 200 : 206,
    headers: { ...headers, ...encoding, ...contentRange, 'content-length': body.length },
    body,
  }
}
