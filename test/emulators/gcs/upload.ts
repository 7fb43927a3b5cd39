/** An upload in one request: https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object */

import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Refusal } from './refusals.js'

export interface Upload {
  readonly name: string
  readonly bytes: Buffer
  readonly metadata: Readonly<Record<string, string>>
  readonly contentEncoding: string | null
  readonly retention: Retention | null
}

export interface Retention {
  readonly mode: string
  readonly retainUntilTime: string
}

interface Described {
  readonly retention?: Retention
  readonly name?: string
  readonly md5Hash?: string
  readonly contentEncoding?: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** @throws Refusal for another kind of upload, or content that is not what its MD5 says */
export async function receive(request: IncomingMessage, query: URLSearchParams): Promise<Upload> {
  const kind = query.get('uploadType')
  if (kind !== 'multipart')
    throw new Refusal(501, 'notImplemented', `the stand-in does not know uploads of type ${kind}`)
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const { described, bytes } = parts(Buffer.concat(pieces), String(request.headers['content-type']))
  const name = described.name ?? query.get('name')
  if (name === null) throw new Refusal(400, 'required', 'Required parameter: name')
  if (described.md5Hash !== undefined && described.md5Hash !== createHash('md5').update(bytes).digest('base64')) {
    throw new Refusal(400, 'invalid', 'Provided MD5 hash does not match calculated MD5 hash')
  }
  const { metadata = {}, contentEncoding = null, retention = null } = described
  return { name, bytes, metadata, contentEncoding, retention }
}

/** multipart/related of two parts: RFC 2387. */
function parts(all: Buffer, contentType: string): { described: Described; bytes: Buffer } {
  const boundary = /^multipart\/related;\s*boundary="?([^";]+)"?$/.exec(contentType)?.[1]
  const delimiter = Buffer.from(`--${boundary}`)
  const first = all.indexOf(delimiter)
  const second = all.indexOf(delimiter, first + 1)
  const last = all.lastIndexOf(delimiter)
  if (boundary === undefined || first !== 0 || second <= first || last <= second) {
    throw new Refusal(400, 'badRequest', 'Malformed multipart body')
  }
  const contentOf = (from: number, to: number): Buffer =>
    all.subarray(all.indexOf('\r\n\r\n', from) + 4, to - '\r\n'.length)
  return { described: JSON.parse(contentOf(first, second).toString('utf8')), bytes: contentOf(second, last) }
}
