/** Bodies of requests, uploads in one piece and in several: https://cloud.google.com/bigquery/docs/reference/api-uploads */

import type { IncomingMessage } from 'node:http'
import { invalid } from './answers.js'

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The JSON part and the file's bytes of a multipart/related body. */
export function multipart(body: Buffer, contentType: string): { json: unknown; file: Buffer } {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  if (boundary === undefined) throw invalid('Multipart must have a boundary')
  const parts: Buffer[] = []
  const mark = Buffer.from(`--${boundary}`)
  for (let at = body.indexOf(mark); at >= 0; ) {
    const next = body.indexOf(mark, at + mark.length)
    if (next < 0) break
    const part = body.subarray(at + mark.length, next)
    parts.push(part.subarray(part.indexOf('\r\n\r\n') + 4, part.length - 2))
    at = next
  }
  const [json, file] = parts
  if (json === undefined || file === undefined) throw invalid('Multipart must have two parts')
  return { json: JSON.parse(json.toString()), file }
}

/** `bytes 0-99/*` or `bytes 100-199/200` or `bytes *\/200`: where a chunk stands, and the whole when it is known. */
export function contentRange(header: string | undefined): { from: number | null; total: number | null } {
  const [, from, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(header ?? '') ?? []
  if (header !== undefined && total === undefined) throw invalid(`Invalid Content-Range ${header}`)
  return {
    from: from === undefined ? null : Number(from),
    total: total === undefined || total === '*' ? null : Number(total),
  }
}
