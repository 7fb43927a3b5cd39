/** The content of an object to be written, from memory or from a file, as often as it has to be sent. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { AuditError, printable } from '../errors.js'
import type { Content } from './contract.js'

export interface Measured {
  readonly bytes: number
  /** In base64. */
  readonly md5: string
  /** All of it from the beginning, at every call. */
  open(): AsyncIterable<Uint8Array>
}

/** @throws AuditError when the file cannot be read */
export async function measured(content: Content): Promise<Measured> {
  const open =
    content instanceof Uint8Array
      ? async function* () {
          yield content
        }
      : () => createReadStream(content.file)
  const hash = createHash('md5')
  try {
    const bytes = content instanceof Uint8Array ? content.length : (await stat(content.file)).size
    for await (const chunk of open()) hash.update(chunk)
    return { bytes, md5: hash.digest('base64'), open }
  } catch (error) {
    const name = content instanceof Uint8Array ? 'the content' : printable(content.file)
    throw new AuditError(`reading ${name} to upload it failed`, { cause: error })
  }
}
