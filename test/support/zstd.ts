/** Archived objects: forged with the archive's own frames, read with another implementation of zstd. */

import { decompress } from 'fzstd'
import { compressFrame } from '../../src/archive/zstd.js'

export const packed = async (text: string | Uint8Array): Promise<Buffer> =>
  Buffer.from(await compressFrame(Buffer.from(text)))

export const unpacked = (object: Uint8Array): Buffer => Buffer.from(decompress(object))
