/** ListObjectsV2: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */

import { type Bucket, byBytes } from './objects.js'
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
 * @param omitted keys that this listing does not know yet
 */
export function listing(
  name: string,
  bucket: Bucket,
  query: URLSearchParams,
  pageSize: number,
  omitted: ReadonlySet<string>,
): string {
  const strange = [...query.keys()].find((key) => !KNOWN.has(key))
  if (strange !== undefined) throw new Refusal('NotImplemented', `the stand-in does not list with ${strange}`)
  const prefix = query.get('prefix') ?? ''
  const most = Math.min(Number(query.get('max-keys') ?? 1000), pageSize)
  const after = afterOf(query)
  const matching = [...bucket.keys()].filter(
    (key) => key.startsWith(prefix) && (after === null || byBytes(key, after) > 0) && !omitted.has(key),
  )
  const keys = matching.sort(byBytes).slice(0, most)
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
      StorageClass: 'STANDARD',
    }
    return element('Contents', elements(parts))
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

const elements = (texts: Readonly<Record<string, string>>): string =>
  Object.entries(texts)
    .map(([name, text]) => element(name, text))
    .join('')

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
