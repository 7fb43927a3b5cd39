/** Prepares the content of a new object so that it can be sent more than once. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { AuditError, printable } from '../errors.js'
import type { Content } from './contract.js'

export interface Upload {
  /** Size in bytes. */
  readonly bytes: number
  readonly digest: Buffer
  /** Opens the whole content; may be called several times. */
  open(): Readable
}

/**
 * Reads the content once for its size and digest, so that the store can refuse an incomplete or damaged upload.
 *
 * @throws AuditError when the file cannot be read
 */
export async function upload(content: Content, algorithm: 'md5' | 'sha256'): Promise<Upload> {
  const open = content instanceof Uint8Array ? () => Readable.from([content]) : () => createReadStream(content.file)
  const hash = createHash(algorithm)
  let bytes = 0
  try {
    for await (const chunk of open()) {
      hash.update(chunk)
      bytes += chunk.length
    }
  } catch (cause) {
    const name = content instanceof Uint8Array ? 'the content' : printable(content.file)
    throw new AuditError(`could not read ${name} to write it to a store`, { cause })
  }
  return { bytes, digest: hash.digest(), open }
}
