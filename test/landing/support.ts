/** Chunks of bytes as they might arrive, and what comes out behind. */

import { join } from 'node:path'
import type { Document } from '../../src/contract.js'
import type { AuditError } from '../../src/errors.js'
import { type Landed, type LandingOptions, land } from '../../src/landing/landing.js'
import { type Content, documentOf, never, newFolder } from '../support/load.js'

export const bytesOf = (content: Content): Buffer => Buffer.from(content as string)

/** The content cut at the given places. */
export async function* cutAt(content: Content, places: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = bytesOf(content)
  const ends = [...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  let start = 0
  for (const end of ends) {
    yield bytes.subarray(start, end)
    start = end
  }
}

/** Each byte a chunk of its own. */
export const byteByByte = (content: Content): AsyncGenerator<Uint8Array> =>
  cutAt(
    content,
    Array.from(bytesOf(content), (_, i) => i),
  )

export async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const chunk of chunks) pieces.push(chunk)
  return Buffer.concat(pieces)
}

export const landing = (options: Partial<LandingOptions> = {}): LandingOptions => ({
  path: join(newFolder(), 'landed'),
  allowInPlace: true,
  signal: never,
  onBytes() {},
  ...options,
})

export const landed = (content: Content, options: Partial<LandingOptions> = {}): Promise<Landed> =>
  landDocument(documentOf('document', content), landing(options))

/** Lands a document that is there. */
export async function landDocument(document: Document, options: LandingOptions): Promise<Landed> {
  const result = await land(document, options)
  if (result === null) throw new Error('the document is gone')
  return result
}

export async function failure(work: Promise<unknown>): Promise<AuditError> {
  return work.then(
    () => {
      throw new Error('expected a failure')
    },
    (error: AuditError) => error,
  )
}
