/** Azure Blob Storage, and what speaks its protocol: Azurite, OneLake. https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api */

import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  type BlobDownloadResponseParsed,
  type BlobRequestConditions,
  BlockBlobClient,
  ContainerClient,
  type ContainerListBlobFlatSegmentResponse,
  newPipeline,
} from '@azure/storage-blob'
import { AuditError, printable } from '../errors.js'
import { azureFailure, isConflict, isGone, isPastEnd } from './azure/failures.js'
import { azureLogin } from './azure/login.js'
import { type Watch, watched, wholeBody } from './bodies.js'
import type { Checksum, ObjectStore, Reading, StoredObject, WriteCondition } from './contract.js'
import { PATIENCE, type Patience, trying } from './trying.js'
import { upload } from './upload.js'

export interface AzureOptions {
  /** Always `onelake` for OneLake. */
  readonly account: string
  /** The workspace for OneLake. */
  readonly container: string
  /** The account's URL where it is not `https://ACCOUNT.blob.core.windows.net`: `https://onelake.blob.fabric.microsoft.com`. */
  readonly endpoint?: string | undefined
  /** Where logins are looked for; the process's when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly patience?: Patience
}

/** Custom metadata that tells our own write from somebody else's. */
const WRITE_ID = 'wandb_audit_write'

type Metadata = Readonly<Record<string, string>>

/** @throws AuditError, exit code 2, when the login cannot be used */
export function azureStore(options: AzureOptions): ObjectStore {
  const { account, container, endpoint, env = process.env, patience = PATIENCE } = options
  const id = `az://${account}/${container}`
  const { url, sas, credential } = azureLogin({ account, endpoint, env })
  // Repeating is ours: the client would wait a minute for an account whose name is mistyped.
  const pipeline = newPipeline(credential, { retryOptions: { maxTries: 1 } })
  const addressOf = (path: string): string =>
    `${url}/${encodeURIComponent(container)}${path}${sas === '' ? '' : `?${sas}`}`
  const nameOf = (key: string): string => printable(`${id}/${key}`)
  const blob = (key: string): BlockBlobClient =>
    new BlockBlobClient(addressOf(`/${pathOf(key, nameOf(key))}`), pipeline)

  /** Repeats `ask` as far as it may help, each time with a watch of its own that `ask` has to end. */
  function asking<T>(doing: string, ask: (watch: Watch) => Promise<T>, signal: AbortSignal): Promise<T> {
    const attempt = async (): Promise<T> => {
      const watch = watched(signal)
      try {
        return await ask(watch)
      } catch (error) {
        watch.end()
        throw azureFailure(doing, error, new URL(url).host)
      }
    }
    return trying(attempt, signal, patience)
  }

  function answered<T>(doing: string, ask: (watch: Watch) => Promise<T>, signal: AbortSignal): Promise<T> {
    return asking(doing, (watch) => ask(watch).finally(watch.end), signal)
  }

  async function describe(
    key: string,
    signal: AbortSignal,
  ): Promise<{ object: StoredObject; metadata: Metadata } | null> {
    const ask = async (watch: Watch): Promise<{ object: StoredObject; metadata: Metadata }> => {
      const answer = await blob(key).getProperties({ abortSignal: watch.signal })
      const { contentLength = 0, etag = '', lastModified = new Date(0), metadata = {} } = answer
      return { object: { key, bytes: contentLength, version: bare(etag), lastModified }, metadata }
    }
    return answered(`look at ${nameOf(key)}`, (watch) => ask(watch).catch(orNull(isGone)), signal)
  }

  return {
    id,

    async *list(prefix, signal) {
      const containerClient = new ContainerClient(addressOf(''), pipeline)
      let from: string | undefined
      do {
        const page = await answered(
          `list ${nameOf(prefix)}`,
          (watch) => pageOf(containerClient, prefix, from, watch.signal),
          signal,
        )
        for (const { name, properties, metadata } of page.segment.blobItems) {
          const { contentLength = 0, etag, lastModified } = properties
          if (!isFolder(metadata)) yield { key: name, bytes: contentLength, version: bare(etag), lastModified }
        }
        from = page.continuationToken
      } while (from)
    },

    async find(key, signal) {
      const found = await describe(key, signal)
      return found === null || isFolder(found.metadata) ? null : found.object
    },

    read({ key, version }, from, signal) {
      const doing = `read ${nameOf(key)}`
      const ask = async (watch: Watch): Promise<Reading> => {
        const answer = await blob(key).download(from, undefined, {
          conditions: { ifMatch: quoted(version) },
          abortSignal: watch.signal,
          maxRetryRequests: 0,
        })
        const body = answer.readableStreamBody ?? Readable.from([])
        // A connection that breaks before anybody reads is told to who reads; an error that nobody hears ends the process.
        body.on('error', () => {})
        return {
          chunks: wholeBody(watch.over(body), answer.contentLength ?? null, doing, signal, watch.end),
          checksum: checksumOf(answer, from),
        }
      }
      return asking<Reading | null>(
        doing,
        async (watch) => {
          try {
            return await ask(watch)
          } catch (error) {
            watch.end()
            if (isPastEnd(error)) return { chunks: Readable.from([]), checksum: null }
            return orNull(isGone)(error)
          }
        },
        signal,
      )
    },

    async write(key, content, condition, signal) {
      const { bytes, digest, open } = await upload(content, 'md5')
      const writeId = randomUUID()
      let tries = 0
      const ask = async (watch: Watch): Promise<string> => {
        tries++
        const body = open()
        try {
          const { etag = '' } = await blob(key).upload(() => body, bytes, {
            conditions: conditionsOf(condition),
            metadata: { [WRITE_ID]: writeId },
            blobHTTPHeaders: { blobContentMD5: digest },
            abortSignal: watch.signal,
            onProgress: watch.heard,
          })
          return bare(etag)
        } finally {
          body.destroy()
        }
      }
      const version = await answered<string | null>(
        `write ${nameOf(key)}`,
        (watch) => ask(watch).catch(orNull(isConflict)),
        signal,
      )
      if (version !== null || tries === 1) return version
      // An earlier try may have written it and its answer been lost: then it is ours that stands in the way.
      const there = await describe(key, signal)
      return there?.metadata[WRITE_ID] === writeId ? there.object.version : null
    },

    async remove(key, signal) {
      const ask = async (watch: Watch): Promise<void> => {
        await blob(key).delete({ abortSignal: watch.signal })
      }
      await answered(`remove ${nameOf(key)}`, (watch) => ask(watch).catch(orNull(isGone)), signal)
    },

    async close() {},
  }
}

/** Only of what was written at once: appending does not change the MD5 that was set before. */
function checksumOf(
  { blobType, blobContentMD5, contentMD5 }: BlobDownloadResponseParsed,
  from: number,
): Checksum | null {
  // Of a part of the object, contentMD5 would be the part's.
  const md5 = blobContentMD5 ?? (from === 0 ? contentMD5 : undefined)
  if (blobType !== 'BlockBlob' || md5 === undefined) return null
  return { algorithm: 'md5', digest: Buffer.from(md5).toString('base64') }
}

/** With metadata, which tells folders from objects. */
async function pageOf(
  client: ContainerClient,
  prefix: string,
  continuationToken: string | undefined,
  abortSignal: AbortSignal,
): Promise<ContainerListBlobFlatSegmentResponse> {
  const options = { prefix, includeMetadata: true, abortSignal }
  const pages = client.listBlobsFlat(options).byPage(continuationToken === undefined ? {} : { continuationToken })
  const { value } = await pages.next()
  return value as ContainerListBlobFlatSegmentResponse
}

/** Accounts with a hierarchical namespace list their folders as well, as objects without content. */
const isFolder = (metadata: Metadata | undefined): boolean => metadata?.hdi_isfolder === 'true'

/**
 * A key as the path of a URL. Slashes stay, except where a segment of dots would be taken for a folder of the URL and
 * another object be meant.
 */
function pathOf(key: string, name: string): string {
  if (key === '.' || key === '..') throw new AuditError(`no URL can name ${name}`)
  const segments = key.split('/')
  const dots = segments.some((segment) => segment === '.' || segment === '..')
  return dots ? encodeURIComponent(key) : segments.map(encodeURIComponent).join('/')
}

/** Listings have ETags without quotes, headers with them. */
const bare = (etag: string): string => etag.replaceAll('"', '')
const quoted = (version: string): string => `"${version}"`

function conditionsOf(condition: WriteCondition): BlobRequestConditions {
  if (condition === 'any') return {}
  return condition === 'absent' ? { ifNoneMatch: '*' } : { ifMatch: quoted(condition.version) }
}

/** Turns the errors that say "not there" into null. */
const orNull =
  (matches: (error: unknown) => boolean) =>
  (error: unknown): null => {
    if (matches(error)) return null
    throw error
  }
