/**
 * Frames of zstd (RFC 8878), each small enough to be compressed and unpacked in memory: by Node's own zstd, which it has had
 * since 22.15, or before that by the same library as WebAssembly.
 */

import zlib from 'node:zlib'
import { ByteReader, MAGIC, readBlock, readHeader, readNumber } from '../landing/zstd-format.js'

/** Of the text in a frame. Larger frames would hardly be smaller in all. */
export const FRAME_BYTES = 1 << 20
/** What cannot be compressed becomes longer: ZSTD_COMPRESSBOUND in zstd.h says by how much. */
const MOST_PACKED_BYTES = FRAME_BYTES + (FRAME_BYTES >> 8) + 64 * 1024
/** Logs shrink to a seventh. Buffers for the worst case cost a load 0.3 CPU s a million events, all of it garbage collection. */
const USUAL_PACKED_BYTES = 192 * 1024
/** The next levels save up to a tenth of the size, and take a quarter more time. */
const LEVEL = 1

interface Zstd {
  /** @returns one frame, which states the length of its text */
  compress(text: Uint8Array): Uint8Array
  /** @throws Error when the frame is damaged */
  decompress(frame: Uint8Array): Uint8Array
}

/** What the types of Node 20 do not have. */
interface NodeZstd {
  readonly zstdCompressSync?: (text: Uint8Array, options: object) => Uint8Array
  readonly zstdDecompressSync?: (frame: Uint8Array, options: object) => Uint8Array
  readonly constants: { readonly ZSTD_c_compressionLevel?: number }
}

let loaded: Promise<Zstd> | undefined

function zstd(): Promise<Zstd> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<Zstd> {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as NodeZstd
  if (zstdCompressSync !== undefined && zstdDecompressSync !== undefined) {
    const params = { [constants.ZSTD_c_compressionLevel as number]: LEVEL }
    return {
      compress: (text) =>
        zstdCompressSync(text, { params, chunkSize: USUAL_PACKED_BYTES, pledgedSrcSize: text.length }),
      decompress: (frame) => zstdDecompressSync(frame, { chunkSize: FRAME_BYTES, maxOutputLength: FRAME_BYTES }),
    }
  }
  const { init, compress, decompress } = await import('@bokuweb/zstd-wasm')
  await init()
  return { compress: (text) => compress(text, LEVEL), decompress }
}

/** @param text of at most FRAME_BYTES */
export async function compressFrame(text: Uint8Array): Promise<Uint8Array> {
  return (await zstd()).compress(text)
}

/** @throws Error when there is anything but whole frames of at most FRAME_BYTES */
export async function* unpackFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { decompress } = await zstd()
  const input = new ByteReader(chunks)
  try {
    for (let magic = await input.take(4, true); magic !== null; magic = await input.take(4, true)) {
      yield decompress(await readFrame(input, magic))
    }
  } finally {
    await input.close()
  }
}

async function readFrame(input: ByteReader, magic: Uint8Array): Promise<Uint8Array> {
  if (readNumber(magic) !== MAGIC) throw new Error('not a frame')
  const { bytes, content, hasChecksum } = await readHeader(input)
  if (content === null || content > FRAME_BYTES) throw new Error('a frame that was not written by this program')
  const parts = [magic, bytes]
  for (let last = false, length = 0; !last; ) {
    const block = await readBlock(input)
    last = block.isLast
    length += block.bytes.length
    if (length > MOST_PACKED_BYTES) throw new Error('a frame longer than any text of its length')
    parts.push(block.bytes)
  }
  if (hasChecksum) parts.push(await input.need(4))
  return Buffer.concat(parts)
}
