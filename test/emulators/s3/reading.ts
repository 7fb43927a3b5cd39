/** Answers with objects, and the conditions of reading and writing. */

import type { IncomingMessage } from 'node:http'
import { header } from './asked.js'
import type { Blob } from './objects.js'
import { Refusal } from './refusals.js'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: Uint8Array
}

export const NOTHING = new Uint8Array()

export function checksums({ headers }: Blob): Record<string, string> {
  const found = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-checksum-'))
  return found.length === 0 ? {} : { 'x-amz-checksum-type': 'FULL_OBJECT', ...Object.fromEntries(found) }
}

export function read(request: IncomingMessage, found: Blob | undefined, key: string, ignored: string | null): Answer {
  if (found === undefined) throw new Refusal('NoSuchKey', 'The specified key does not exist.', { Key: key })
  if (request.method === 'GET' && found.archived !== null && found.archived !== 'restored') {
    const message = "The operation is not valid for the object's storage class"
    throw new Refusal('InvalidObjectState', message, { StorageClass: found.storageClass })
  }
  const ifMatch = ignored === 'if-match' ? null : header(request, 'if-match')
  if (ifMatch !== null && ifMatch !== found.etag) throw preconditionFailed('If-Match')
  const range = ignored === 'range' ? null : header(request, 'range')
  const kept = Object.entries(found.headers).filter(([name]) => !name.startsWith('x-amz-checksum-'))
  const headers = {
    ...Object.fromEntries(kept),
    etag: found.etag,
    'last-modified': found.lastModified.toUTCString(),
    'accept-ranges': 'bytes',
  }
  if (range === null) {
    const asked = header(request, 'x-amz-checksum-mode') === 'ENABLED' ? checksums(found) : {}
    return { status: 200, headers: { ...headers, ...asked, 'content-length': found.bytes.length }, body: found.bytes }
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? []
  if (first === undefined) throw new Refusal('NotImplemented', `the stand-in does not know the range ${range}`)
  const size = found.bytes.length
  if (Number(first) >= size) {
    const elements = { RangeRequested: range, ActualObjectSize: String(size) }
    throw new Refusal('InvalidRange', 'The requested range is not satisfiable', elements)
  }
  const end = last === '' || last === undefined ? size - 1 : Math.min(Number(last), size - 1)
  const body = found.bytes.subarray(Number(first), end + 1)
  const contentRange = `bytes ${first}-${end}/${size}`
  return { status: 206, headers: { ...headers, 'content-range': contentRange, 'content-length': body.length }, body }
}

function preconditionFailed(condition: string): Refusal {
  return new Refusal('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    Condition: condition,
  })
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
export function checkWritable(request: IncomingMessage, present: Blob | undefined, key: string): void {
  const ifNoneMatch = header(request, 'if-none-match')
  const ifMatch = header(request, 'if-match')
  if (ifNoneMatch !== null) {
    if (ifNoneMatch !== '*') throw new Refusal('NotImplemented', 'If-None-Match takes nothing but *')
    if (present !== undefined) throw preconditionFailed('If-None-Match')
  }
  if (ifMatch === null) return
  if (present === undefined) throw new Refusal('NoSuchKey', 'The specified key does not exist.', { Key: key })
  if (present.etag !== ifMatch) throw preconditionFailed('If-Match')
}
