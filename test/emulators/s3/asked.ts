/** What a request asks for, and whether it may: the action behind method, path and query, and the signature. */

import type { IncomingMessage } from 'node:http'
import type { Action } from './faults.js'
import { Refusal } from './refusals.js'

export interface Asked {
  readonly action: Action
  readonly bucket: string | null
  readonly key: string | null
  readonly query: URLSearchParams
}

/** The path is taken apart as it came: a URL would swallow `..` and empty segments, which are parts of keys. */
export function parsed(request: IncomingMessage): Asked {
  const [path = '', search = ''] = (request.url ?? '').split(/\?(.*)/s)
  const [, bucket = '', rest = ''] = /^\/([^/]*)(?:\/(.*))?$/s.exec(path) ?? []
  const query = new URLSearchParams(search)
  const key = rest === '' ? null : decodeURIComponent(rest)
  return { action: actionOf(request, bucket, key, query), bucket: bucket || null, key, query }
}

function actionOf(request: IncomingMessage, bucket: string, key: string | null, query: URLSearchParams): Action {
  const method = request.method ?? ''
  if (bucket === '') return 'unknown'
  if (key === null) {
    if (method === 'GET' && query.has('object-lock')) return 'GetObjectLockConfiguration'
    return method === 'GET' && query.get('list-type') === '2' ? 'ListObjectsV2' : 'unknown'
  }
  // `?uploads`, `?acl` and copies are other actions; the client's own `x-id` tells its name for this one.
  if ([...query.keys()].some((name) => name !== 'x-id')) return 'unknown'
  if (header(request, 'x-amz-copy-source') !== null) return 'unknown'
  const actions: Readonly<Record<string, Action>> = {
    GET: 'GetObject',
    HEAD: 'HeadObject',
    PUT: 'PutObject',
    DELETE: 'DeleteObject',
  }
  return actions[method] ?? 'unknown'
}

export const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name]
  return value === undefined ? null : String(value)
}

const SIGNED =
  /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=[^,]*\bhost\b[^,]*, ?Signature=[0-9a-f]{64}$/

export function authorise(request: IncomingMessage, region: string): void {
  const authorization = header(request, 'authorization')
  if (authorization === null) throw new Refusal('AccessDenied', 'Access Denied')
  const asked = SIGNED.exec(authorization)?.[1]
  if (asked === undefined || header(request, 'x-amz-date') === null) {
    throw new Refusal('AuthorizationHeaderMalformed', 'The authorization header is malformed')
  }
  if (asked === region) return
  throw new Refusal(
    'AuthorizationHeaderMalformed',
    `The authorization header is malformed; the region '${asked}' is wrong; expecting '${region}'`,
    { Region: region },
    { 'x-amz-bucket-region': region },
  )
}
