/** ListObjectsV2: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */

import { type Blob, type Bucket, byBytes } from './objects.js'
import { element, escaped, Refusal } from './refusals.js'

const KNOWN = new Set([
  'list-type',
  'prefix',
  'max-keys',
  'continuation-token',
  'start-after',
  'encoding-type',
  'fetch-owner',
  'x-id',
])

/**
 * One page, as XML.
 *
 * @param pageSize the most keys of a page, whatever the request asks for
 * @param attributes optional ones, as the request's header names them
 * @param omitted keys that this listing does not know yet
 */
export function listing(
  name: string,
  bucket: Bucket,
  query: URLSearchParams,
  pageSize: number,
  attributes: string,
  omitted: ReadonlySet<string>,
): string {
  const strange = [...query.keys()].find((key) => !KNOWN.has(key))
  if (strange !== undefined) throw new Refusal('NotImplemented', `the stand-in does not list with ${strange}`)
  const prefix = query.get('prefix') ?? ''
  const most = Math.min(Number(query.get('max-keys') ?? 1000), pageSize)
  const after = afterOf(query)
  const sorted = bucket.sortedKeys()
  const matching: string[] = []
  const first = firstFrom(sorted, after !== null && byBytes(after, prefix) > 0 ? after : prefix)
  for (const key of sorted.slice(first)) {
    if (matching.length > most || !key.startsWith(prefix)) break
    if (key !== after && !omitted.has(key)) matching.push(key)
  }
  const keys = matching.slice(0, most)
  const last = keys.at(-1)
  const token = matching.length > keys.length && last !== undefined ? Buffer.from(last).toString('base64url') : null
  const encoding = query.get('encoding-type')
  const text = encoding === 'url' ? formEncoded : escaped
  const contents = keys.map((key) => {
    const blob = bucket.get(key)
    if (blob === undefined) return ''
    const parts = {
      Key: text(key),
      LastModified: blob.lastModified.toISOString(),
      ETag: escaped(blob.etag),
      Size: String(blob.bytes.length),
      StorageClass: blob.storageClass,
    }
    const restore = attributes.includes('RestoreStatus') ? restoreStatus(blob) : ''
    return element('Contents', elements(parts) + restore)
  })
  const head = {
    Name: escaped(name),
    Prefix: text(prefix),
    MaxKeys: String(most),
    KeyCount: String(keys.length),
    IsTruncated: String(token !== null),
    ...(encoding === null ? {} : { EncodingType: encoding }),
    ...(token === null ? {} : { NextContinuationToken: token }),
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('ListBucketResult', elements(head) + contents.join(''))}`
}

/** The place of the first key that is not before `key`. */
function firstFrom(sorted: readonly string[], key: string): number {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (byBytes(sorted[middle] ?? '', key) < 0) from = middle + 1
    else to = middle
  }
  return from
}

const elements = (texts: Readonly<Record<string, string>>): string =>
  Object.entries(texts)
    .map(([name, text]) => element(name, text))
    .join('')

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreStatus.html */
function restoreStatus({ archived }: Blob): string {
  if (archived === 'restoring') return element('RestoreStatus', element('IsRestoreInProgress', 'true'))
  if (archived !== 'restored') return ''
  const status = { IsRestoreInProgress: 'false', RestoreExpiryDate: new Date(Date.now() + 86_400_000).toISOString() }
  return element('RestoreStatus', elements(status))
}

function afterOf(query: URLSearchParams): string | null {
  const token = query.get('continuation-token')
  if (token === null) return query.get('start-after')
  const key = Buffer.from(token, 'base64url').toString()
  if (token === '' || Buffer.from(key).toString('base64url') !== token) {
    throw new Refusal('InvalidArgument', 'The continuation token provided is incorrect')
  }
  return key
}

/** As S3 encodes keys in listings: like a form, a space as `+`, but slashes stay. */
const formEncoded = (key: string): string =>
  encodeURIComponent(key)
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+')
