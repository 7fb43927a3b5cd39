/** The body of a PutObject: whole or in signed pieces' clothing (aws-chunked), with all its checksums verified. */

import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { DIGESTS } from './objects.js'
import { Refusal } from './refusals.js'

export interface Upload {
  readonly bytes: Uint8Array
  /** What the object keeps: content-type, content-encoding, x-amz-meta-…, x-amz-checksum-…. */
  readonly headers: Readonly<Record<string, string>>
}

const KEPT =
  /^(?:content-type|content-encoding|x-amz-object-lock-.*|x-amz-meta-.*|x-amz-checksum-(?:crc32|crc32c|crc64nvme|sha1|sha256|sha512|xxhash64))$/

/** @throws Refusal when bytes and checksums disagree, or when it is sent in a way this stand-in does not know */
export async function receive(request: IncomingMessage): Promise<Upload> {
  const { headers } = request
  const body = await wholeBody(request)
  const payload = headers['x-amz-content-sha256']
  const streamed = typeof payload === 'string' && payload.startsWith('STREAMING-')
  if (streamed && payload !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') {
    throw new Refusal('NotImplemented', `the stand-in cannot check a payload sent as ${payload}`)
  }
  const { bytes, trailers } = streamed ? dechunked(body, headers) : { bytes: body, trailers: {} }
  const sent = Object.entries({ ...headers, ...trailers })
  const unknown = sent.find(([name]) => /^x-amz-checksum-(?!type$)/.test(name) && !(name in DIGESTS))
  if (unknown !== undefined) throw new Refusal('NotImplemented', `the stand-in does not know ${unknown[0]}`)
  const kept = sent.filter(([name]) => KEPT.test(name))
  const found = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]))
  const md5 = headers['content-md5']
  verify(bytes, typeof md5 === 'string' ? { ...found, 'content-md5': md5 } : found)
  if (!streamed && payload !== 'UNSIGNED-PAYLOAD' && payload !== createHash('sha256').update(bytes).digest('hex')) {
    throw new Refusal('XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match.")
  }
  return { bytes, headers: withoutChunking(found) }
}

async function wholeBody(request: IncomingMessage): Promise<Buffer> {
  const { headers } = request
  if (headers['content-length'] === undefined && headers['x-amz-decoded-content-length'] === undefined) {
    throw new Refusal('MissingContentLength', 'You must provide the Content-Length HTTP header.')
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function verify(bytes: Uint8Array, headers: Readonly<Record<string, string>>): void {
  for (const [name, digest] of Object.entries(DIGESTS)) {
    const expected = headers[name]
    if (expected !== undefined && expected !== digest(bytes)) {
      throw new Refusal('BadDigest', `The ${name} you specified did not match the calculated checksum.`)
    }
  }
}

/**
 * Takes `<size in hex>\r\n<bytes>\r\n…0\r\n<name>:<value>\r\n\r\n` apart.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
function dechunked(
  body: Buffer,
  headers: IncomingHttpHeaders,
): { readonly bytes: Uint8Array; readonly trailers: Readonly<Record<string, string>> } {
  const chunks: Buffer[] = []
  let at = 0
  const line = (): string => {
    const end = body.indexOf('\r\n', at)
    if (end < 0) throw new Refusal('IncompleteBody', 'The request body terminated unexpectedly.')
    const text = body.toString('latin1', at, end)
    at = end + 2
    return text
  }
  for (;;) {
    const size = Number.parseInt(line(), 16)
    if (size === 0) break
    chunks.push(body.subarray(at, at + size))
    at += size
    if (line() !== '') throw new Refusal('IncompleteBody', 'A chunk is longer than its size.')
  }
  const trailers: Record<string, string> = {}
  for (let text = line(); text !== ''; text = line()) {
    const colon = text.indexOf(':')
    trailers[text.slice(0, colon).toLowerCase()] = text.slice(colon + 1).trim()
  }
  const bytes = Buffer.concat(chunks)
  const promised = String(headers['x-amz-trailer'] ?? '').toLowerCase()
  if (promised !== '' && !(promised in trailers)) {
    throw new Refusal('MalformedTrailerError', `The trailer ${promised} is missing.`)
  }
  if (String(bytes.length) !== headers['x-amz-decoded-content-length']) {
    throw new Refusal('IncompleteBody', 'The body is not as long as x-amz-decoded-content-length says.')
  }
  return { bytes, trailers }
}

/** `aws-chunked` belongs to the way it was sent, not to the object. */
function withoutChunking(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { 'content-encoding': encoding, ...others } = headers
  const kept = (encoding ?? '').split(',').filter((name) => name !== '' && name.trim() !== 'aws-chunked')
  return kept.length === 0 ? others : { ...others, 'content-encoding': kept.join(',') }
}
