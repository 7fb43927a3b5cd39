/** Azure Blob Storage and services with its protocol: Azurite, OneLake. https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api */

import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  type BlobDownloadResponseParsed,
  type BlobItem,
  type BlobRequestConditions,
  BlockBlobClient,
  ContainerClient,
  type ContainerListBlobFlatSegmentResponse,
  type ContainerListBlobsOptions,
  newPipeline,
} from '@azure/storage-blob'
import { AuditError, printable } from '../errors.js'
import { REQUEST_RETRIES, type RetryPolicy, retryingRequest } from '../retry.js'
import { archivedOf, azureFailure, isConflict, isGone, isLocked, isPastEnd } from './azure/failures.js'
import { azureLogin } from './azure/login.js'
import { type Watch, watched, wholeBody } from './bodies.js'
import type { Checksum, ObjectStore, Reading, StoredObject, WriteCondition } from './contract.js'
import { upload } from './upload.js'

export interface AzureOptions {
  /** Always `onelake` for OneLake. */
  readonly account: string
  /** The workspace for OneLake. */
  readonly container: string
  /** The account's URL if it is not `https://ACCOUNT.blob.core.windows.net`: `https://onelake.blob.fabric.microsoft.com`. */
  readonly endpoint?: string | undefined
  /** Where to look for logins; the process's environment when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly retryPolicy?: RetryPolicy
}

/** Custom metadata by which a write recognises its own object. */
const WRITE_ID = 'wandb_audit_write'

type Metadata = Readonly<Record<string, string>>

/** @throws AuditError, exit code 2, when the login cannot be used */
export function azureStore(options: AzureOptions): ObjectStore {
  const { account, container, endpoint, env = process.env, retryPolicy = REQUEST_RETRIES } = options
  const id = `az://${account}/${container}`
  const { url, sas, credential } = azureLogin({ account, endpoint, env })
  // Retrying is up to us: the client would keep trying for a minute if the account's name is mistyped.
  const pipeline = newPipeline(credential, { retryOptions: { maxTries: 1 } })
  const addressOf = (path: string): string =>
    `${url}/${encodeURIComponent(container)}${path}${sas === '' ? '' : `?${sas}`}`
  const nameOf = (key: string): string => printable(`${id}/${key}`)
  const blob = (key: string): BlockBlobClient =>
    new BlockBlobClient(addressOf(`/${pathOf(key, nameOf(key))}`), pipeline)

  /** Sends a request and retries it. Each attempt gets its own watch, which `send` has to end. */
  function request<T>(doing: string, send: (watch: Watch) => Promise<T>, signal: AbortSignal): Promise<T> {
    const attempt = async (): Promise<T> => {
      const watch = watched(signal)
      try {
        return await send(watch)
      } catch (error) {
        watch.end()
        throw azureFailure(doing, error, new URL(url).host)
      }
    }
    return retryingRequest(attempt, signal, retryPolicy)
  }

  /** `request` for answers without a body to stream. */
  function shortRequest<T>(doing: string, send: (watch: Watch) => Promise<T>, signal: AbortSignal): Promise<T> {
    return request(doing, (watch) => send(watch).finally(watch.end), signal)
  }

  async function describe(
    key: string,
    signal: AbortSignal,
  ): Promise<{ object: StoredObject; metadata: Metadata } | null> {
    const send = async (watch: Watch): Promise<{ object: StoredObject; metadata: Metadata }> => {
      const answer = await blob(key).getProperties({ abortSignal: watch.signal })
      const { contentLength = 0, etag = '', lastModified = new Date(0), metadata = {} } = answer
      return { object: { key, bytes: contentLength, version: bare(etag), lastModified }, metadata }
    }
    return shortRequest(`look up ${nameOf(key)}`, (watch) => send(watch).catch(nullIf(isGone)), signal)
  }

  /** Every blob of a listing, from all pages, folders included. */
  async function* blobs(
    prefix: string,
    signal: AbortSignal,
    included: ContainerListBlobsOptions = {},
  ): AsyncGenerator<BlobItem> {
    const containerClient = new ContainerClient(addressOf(''), pipeline)
    let from: string | undefined
    do {
      const page = await shortRequest(
        `list ${nameOf(prefix)}`,
        (watch) => pageOf(containerClient, { ...included, prefix, abortSignal: watch.signal }, from),
        signal,
      )
      yield* page.segment.blobItems
      from = page.continuationToken
    } while (from)
  }

  return {
    id,

    // A listing cannot begin in the middle: `startFrom` exists for accounts with a hierarchical namespace only.
    async *list(prefix, signal) {
      for await (const { name, properties, metadata } of blobs(prefix, signal)) {
        const { contentLength = 0, etag, lastModified } = properties
        const archived = archivedOf(properties)
        const object = { key: name, bytes: contentLength, version: bare(etag), lastModified }
        if (!isFolder(metadata)) yield archived === undefined ? object : { ...object, archived }
      }
    },

    async *locks(prefix, signal) {
      for await (const { name, properties, metadata } of blobs(prefix, signal, { includeImmutabilityPolicy: true })) {
        const { immutabilityPolicyMode: mode, immutabilityPolicyExpiresOn: expires } = properties
        if (!isFolder(metadata)) yield { key: name, until: (/^locked$/i.test(mode ?? '') && expires) || null }
      }
    },

    // Such a container may also have a default policy for new blobs, which only the management API shows.
    async locksByItself(signal) {
      const containerClient = new ContainerClient(addressOf(''), pipeline)
      const doing = `look up ${printable(id)}`
      try {
        const {
          hasImmutabilityPolicy,
          hasLegalHold,
          isImmutableStorageWithVersioningEnabled: mayDefault,
        } = await shortRequest(doing, (watch) => containerClient.getProperties({ abortSignal: watch.signal }), signal)
        if (hasImmutabilityPolicy === true || hasLegalHold === true) return true
        return hasImmutabilityPolicy === false && mayDefault !== true ? false : null
      } catch (error) {
        if (signal.aborted) throw error
        return null
      }
    },

    async find(key, signal) {
      const found = await describe(key, signal)
      return found === null || isFolder(found.metadata) ? null : found.object
    },

    read({ key, version }, from, signal) {
      const doing = `read ${nameOf(key)}`
      const send = async (watch: Watch): Promise<Reading> => {
        const answer = await blob(key).download(from, undefined, {
          conditions: { ifMatch: quoted(version) },
          abortSignal: watch.signal,
          maxRetryRequests: 0,
        })
        const body = answer.readableStreamBody ?? Readable.from([])
        // Without a listener, a connection that breaks before the body is read would crash the process.
        body.on('error', () => {})
        return {
          chunks: wholeBody(watch.over(body), answer.contentLength ?? null, doing, signal, watch.end),
          checksum: checksumOf(answer, from),
        }
      }
      return request<Reading | null>(
        doing,
        async (watch) => {
          try {
            return await send(watch)
          } catch (error) {
            watch.end()
            if (isPastEnd(error)) return { chunks: Readable.from([]), checksum: null }
            return nullIf(isGone)(error)
          }
        },
        signal,
      )
    },

    async write(key, content, condition, signal, retainUntil) {
      const { bytes, digest, open } = await upload(content, 'md5')
      const writeId = randomUUID()
      let attempts = 0
      const send = async (watch: Watch): Promise<string> => {
        attempts++
        const body = open()
        try {
          const { etag = '' } = await blob(key).upload(() => body, bytes, {
            conditions: conditionsOf(condition),
            metadata: { [WRITE_ID]: writeId },
            ...(retainUntil === undefined
              ? {}
              : { immutabilityPolicy: { expiriesOn: retainUntil, policyMode: 'Locked' } }),
            blobHTTPHeaders: { blobContentMD5: digest },
            abortSignal: watch.signal,
            onProgress: watch.heard,
          })
          return bare(etag)
        } finally {
          body.destroy()
        }
      }
      const version = await shortRequest<string | null>(
        `write ${nameOf(key)}`,
        (watch) =>
          send(watch).catch(nullIf((error) => isConflict(error) || (condition === 'absent' && isLocked(error)))),
        signal,
      )
      if (version !== null || attempts === 1) return version
      // An earlier attempt may have succeeded although its answer was lost; then the conflict is with our own object.
      const existing = await describe(key, signal)
      return existing?.metadata[WRITE_ID] === writeId ? existing.object.version : null
    },

    async remove(key, signal) {
      const send = async (watch: Watch): Promise<void> => {
        await blob(key).delete({ abortSignal: watch.signal })
      }
      await shortRequest(`remove ${nameOf(key)}`, (watch) => send(watch).catch(nullIf(isGone)), signal)
    },

    async close() {},
  }
}

/** The MD5 of a block blob; an append blob keeps the MD5 from before it was appended to. */
function checksumOf(
  { blobType, blobContentMD5, contentMD5 }: BlobDownloadResponseParsed,
  from: number,
): Checksum | null {
  // For a range of the blob, contentMD5 is that of the range.
  const md5 = blobContentMD5 ?? (from === 0 ? contentMD5 : undefined)
  if (blobType !== 'BlockBlob' || md5 === undefined) return null
  return { algorithm: 'md5', digest: Buffer.from(md5).toString('base64') }
}

/** Includes the metadata, by which folders are recognised. */
async function pageOf(
  client: ContainerClient,
  options: ContainerListBlobsOptions,
  continuationToken: string | undefined,
): Promise<ContainerListBlobFlatSegmentResponse> {
  const pages = client
    .listBlobsFlat({ ...options, includeMetadata: true })
    .byPage(continuationToken === undefined ? {} : { continuationToken })
  const { value } = await pages.next()
  return value as ContainerListBlobFlatSegmentResponse
}

/** Accounts with a hierarchical namespace list folders too, as blobs without content. */
const isFolder = (metadata: Metadata | undefined): boolean =>
  Object.entries(metadata ?? {}).some(([name, value]) => /^hdi_isfolder$/i.test(name) && value === 'true')

/**
 * A key as the path of a URL. Slashes stay, unless a segment consists of dots: URL parsers would resolve it and address
 * another object.
 */
function pathOf(key: string, name: string): string {
  if (key === '.' || key === '..') throw new AuditError(`no URL can name ${name}`)
  const segments = key.split('/')
  const dots = segments.some((segment) => segment === '.' || segment === '..')
  return dots ? encodeURIComponent(key) : segments.map(encodeURIComponent).join('/')
}

/** Listings have ETags without quotes, headers have them with quotes. */
const bare = (etag: string): string => etag.replaceAll('"', '')
const quoted = (version: string): string => `"${version}"`

function conditionsOf(condition: WriteCondition): BlobRequestConditions {
  if (condition === 'any') return {}
  return condition === 'absent' ? { ifNoneMatch: '*' } : { ifMatch: quoted(condition.version) }
}

/** For `catch`: turns matching errors into null. */
const nullIf =
  (matches: (error: unknown) => boolean) =>
  (error: unknown): null => {
    if (matches(error)) return null
    throw error
  }
