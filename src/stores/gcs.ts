/** Google Cloud Storage. https://cloud.google.com/storage/docs/json_api/v1/objects */

import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { AuditError, printable } from '../errors.js'
import { REQUEST_RETRIES, type RetryPolicy } from '../retry.js'
import { wholeBody } from './bodies.js'
import type { Checksum, ObjectStore, Reading, StoredObject, WriteCondition } from './contract.js'
import { type GcsRequest, gcsClient } from './gcs/client.js'
import { gcsFailure, saysGone } from './gcs/failures.js'
import { upload } from './upload.js'

export interface GcsOptions {
  readonly bucket: string
  /** Another server with the same protocol: `https://host`; Google's when absent. */
  readonly endpoint?: string | undefined
  /** The project that pays for requests to a bucket set to requester pays. */
  readonly payer?: string | undefined
  readonly retryPolicy?: RetryPolicy
}

/** Custom metadata by which a write recognises its own object. */
const WRITE_ID = 'wandb-audit-write'

/** The fields of an object that requests ask for. 64-bit numbers arrive as text. */
interface GcsObject {
  readonly name: string
  readonly size: string
  readonly generation: string
  readonly updated: string
  readonly metadata?: Readonly<Record<string, string>>
}

interface LockFields {
  readonly name: string
  readonly retention?: { readonly mode: string; readonly retainUntilTime: string }
  /** By the retention policy of the bucket. */
  readonly retentionExpirationTime?: string
}

interface Policies {
  readonly retentionPolicy?: { readonly isLocked?: boolean }
  readonly defaultEventBasedHold?: boolean
}

const LOCK_FIELDS = 'name,retention,retentionExpirationTime'

const FIELDS = 'name,size,generation,updated'

export function gcsStore({ bucket, endpoint, payer, retryPolicy = REQUEST_RETRIES }: GcsOptions): ObjectStore {
  const id = `gs://${bucket}`
  const client = gcsClient(endpoint, payer, retryPolicy)
  const objects = `/storage/v1/b/${encodeURIComponent(bucket)}/o`
  const pathOf = (key: string): string => `${objects}/${encodeURIComponent(key)}`
  const nameOf = (key: string): string => printable(`${id}/${key}`)

  /** Null when the object does not exist or is not the version that the request names. */
  async function unlessGone<T>(
    request: GcsRequest,
    take: (response: Dispatcher.ResponseData) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | null> {
    return client.send<T | null>(
      request,
      [404, 412, 416],
      async (response) => {
        const { statusCode, body } = response
        if (statusCode !== 404 && statusCode !== 412) return take(response)
        const text = await body.text()
        if (saysGone(statusCode, text)) return null
        throw gcsFailure(request.doing, statusCode, text, false)
      },
      signal,
    )
  }

  function describe(key: string, fields: string, signal: AbortSignal): Promise<GcsObject | null> {
    const request = { doing: `look up ${nameOf(key)}`, method: 'GET', path: pathOf(key), query: { fields } } as const
    return unlessGone(request, json<GcsObject>, signal)
  }

  /** Every object of a listing, from all pages. */
  async function* listed<T>(
    wanted: Readonly<Record<string, string>>,
    fields: string,
    signal: AbortSignal,
  ): AsyncGenerator<T> {
    const doing = `list ${nameOf(wanted.prefix ?? '')}`
    const query = { ...wanted, maxResults: '1000', fields: `nextPageToken,items(${fields})` }
    let pageToken: string | undefined
    do {
      const page = await client.send(
        { doing, method: 'GET', path: objects, query: pageToken === undefined ? query : { ...query, pageToken } },
        [],
        json<{ items?: T[]; nextPageToken?: string }>,
        signal,
      )
      yield* page.items ?? []
      if (page.nextPageToken !== undefined && page.nextPageToken === pageToken) {
        throw new AuditError(`could not ${doing}: the same page came twice`)
      }
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
  }

  /** https://cloud.google.com/storage/docs/bucket-lock */
  function policies(signal: AbortSignal): Promise<Policies> {
    const query = { fields: 'retentionPolicy,defaultEventBasedHold' }
    const request = { doing: `look up ${printable(id)}`, method: 'GET', query } as const
    const path = `/storage/v1/b/${encodeURIComponent(bucket)}`
    return client.send({ ...request, path }, [], json<Policies>, signal)
  }

  return {
    id,

    listsInOrder: true,

    async *list(prefix, signal, after) {
      const from = after === undefined ? {} : { startOffset: after }
      for await (const item of listed<GcsObject>({ prefix, ...from }, FIELDS, signal)) yield storedObject(item)
    },

    async *locks(prefix, signal) {
      let isLocked: boolean | undefined
      for await (const item of listed<LockFields>({ prefix }, LOCK_FIELDS, signal)) {
        const { name, retention, retentionExpirationTime: expires } = item
        const own = retention?.mode === 'Locked' ? new Date(retention.retainUntilTime) : null
        // A policy of the bucket protects only once it is locked.
        if (expires !== undefined) isLocked ??= (await policies(signal)).retentionPolicy?.isLocked === true
        const inherited = expires !== undefined && isLocked ? new Date(expires) : null
        yield { key: name, until: own === null || (inherited !== null && inherited > own) ? inherited : own }
      }
    },

    async locksByItself(signal) {
      try {
        const { retentionPolicy, defaultEventBasedHold = false } = await policies(signal)
        return retentionPolicy !== undefined || defaultEventBasedHold
      } catch (error) {
        if (signal.aborted) throw error
        return null
      }
    },

    async find(key, signal) {
      const found = await describe(key, FIELDS, signal)
      return found === null ? null : storedObject(found)
    },

    read({ key, version }, from, signal) {
      const doing = `read ${nameOf(key)}`
      // Otherwise the server unpacks what was stored with Content-Encoding: gzip, and neither length nor checksum match.
      const headers = { 'accept-encoding': 'gzip', ...(from === 0 ? {} : { range: `bytes=${from}-` }) }
      const query = { alt: 'media', ifGenerationMatch: version }
      return unlessGone(
        { doing, method: 'GET', path: pathOf(key), query, headers },
        async ({ statusCode, headers, body }): Promise<Reading> => {
          // The range starts at or after the end of the object.
          if (statusCode === 416) {
            await body.dump()
            return { chunks: Readable.from([]), checksum: null }
          }
          const stored = numberOf(headers['x-goog-stored-content-length'])
          const expected = stored === null ? numberOf(headers['content-length']) : stored - from
          return {
            chunks: wholeBody(body, expected, doing, signal, () => body.destroy()),
            checksum: checksumOf(headers['x-goog-hash']),
          }
        },
        signal,
      )
    },

    async write(key, content, condition, signal, retainUntil) {
      const { bytes, digest, open } = await upload(content, 'md5')
      const writeId = randomUUID()
      const resource = {
        name: key,
        md5Hash: digest.toString('base64'),
        metadata: { [WRITE_ID]: writeId },
        ...(retainUntil === undefined
          ? {}
          : { retention: { mode: 'Locked', retainUntilTime: retainUntil.toISOString() } }),
      }
      const { head, tail, contentType } = multipart(resource)
      let attempts = 0
      const version = await unlessGone(
        {
          doing: `write ${nameOf(key)}`,
          method: 'POST',
          path: `/upload${objects}`,
          query: { uploadType: 'multipart', fields: 'generation', ...preconditionOf(condition) },
          headers: { 'content-type': contentType, 'content-length': String(head.length + bytes + tail.length) },
          async *body() {
            attempts++
            yield head
            yield* open()
            yield tail
          },
        },
        async (response) => (await json<GcsObject>(response)).generation,
        signal,
      )
      if (version !== null || attempts === 1) return version
      // An earlier attempt may have succeeded although its answer was lost; then the conflict is with our own object.
      const existing = await describe(key, 'generation,metadata', signal)
      return existing?.metadata?.[WRITE_ID] === writeId ? existing.generation : null
    },

    async remove(key, signal) {
      const request = { doing: `remove ${nameOf(key)}`, method: 'DELETE', path: pathOf(key), query: {} } as const
      await unlessGone(request, ({ body }) => body.dump(), signal)
    },

    close: () => client.close(),
  }
}

const json = <T>({ body }: Dispatcher.ResponseData): Promise<T> => body.json() as Promise<T>

const storedObject = ({ name, size, generation, updated }: GcsObject): StoredObject => ({
  key: name,
  bytes: Number(size),
  version: generation,
  lastModified: new Date(updated),
})

/** https://cloud.google.com/storage/docs/request-preconditions: generation 0 means that no object exists. */
function preconditionOf(condition: WriteCondition): Readonly<Record<string, string>> {
  if (condition === 'any') return {}
  return { ifGenerationMatch: condition === 'absent' ? '0' : condition.version }
}

/** The text around the content of a multipart upload: https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object */
function multipart(resource: object): { head: Uint8Array; tail: Uint8Array; contentType: string } {
  const boundary = randomUUID()
  const parts = [
    `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(resource)}\r\n`,
    `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`,
  ]
  return {
    head: Buffer.from(parts.join('')),
    tail: Buffer.from(`\r\n--${boundary}--\r\n`),
    contentType: `multipart/related; boundary=${boundary}`,
  }
}

type Header = string | string[] | undefined

const numberOf = (header: Header): number | null => (header === undefined ? null : Number(header))

/** Parses `crc32c=…,md5=…` of the stored bytes; composed objects have no MD5. https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash */
function checksumOf(header: Header): Checksum | null {
  const digests = new Map(
    [header ?? []]
      .flat()
      .flatMap((text) => text.split(','))
      .map((text) => /^\s*(\w+)=(.*?)\s*$/.exec(text))
      .map((match) => [match?.[1] ?? '', match?.[2] ?? '']),
  )
  for (const algorithm of ['md5', 'crc32c'] as const) {
    const digest = digests.get(algorithm)
    if (digest) return { algorithm, digest }
  }
  return null
}
