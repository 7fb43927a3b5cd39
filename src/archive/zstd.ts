/**
 * Frames of zstd (RFC 8878), each small enough to be compressed and unpacked in memory: by Node's own zstd, which it has had
 * since 22.15, or before that by the same library as WebAssembly.
 */

import zlib from 'node:zlib'
import xxhash from 'xxhash-wasm'
import { AuditError } from '../errors.js'
import { ByteReader, MAGIC, readBlock, readHeader, readNumber } from '../landing/zstd-format.js'

/** Of the text in a frame. Larger frames would hardly be smaller in all. */
export const FRAME_BYTES = 1 << 20
/** What cannot be compressed becomes a little longer. */
const MOST_PACKED_BYTES = FRAME_BYTES + (FRAME_BYTES >> 8)
/** A frame of this program has eight or a few more. Each that is read takes memory, even an empty one. */
const MOST_BLOCKS = 256
/** Logs shrink to a seventh. Buffers for the worst case cost a load 0.3 CPU s a million events, all of it garbage collection. */
const USUAL_PACKED_BYTES = 192 * 1024
/** The next levels save up to a tenth of the size, and take a quarter more time. */
const LEVEL = 1
/** Usually it takes a fiftieth of a second. */
const LONGEST_START_MS = 10_000

interface Zstd {
  /** @returns one frame, with the length and a checksum of its text */
  compress(text: Uint8Array): Uint8Array
  /** @param length of the text, as the frame states it. @throws Error when the frame is damaged */
  decompress(frame: Uint8Array, length: number): Uint8Array
}

/** What the types of Node 20 do not have. */
interface NodeZstd {
  readonly zstdCompressSync?: (text: Uint8Array, options: object) => Uint8Array
  readonly zstdDecompressSync?: (frame: Uint8Array, options: object) => Uint8Array
  readonly constants: { readonly ZSTD_c_compressionLevel?: number; readonly ZSTD_c_checksumFlag?: number }
}

/** Once a process: to start the library again would exchange its memory while it works. */
let loaded: Promise<Zstd> | undefined

/** @throws AuditError when this installation is damaged, or has no memory for it */
export function loadZstd(): Promise<Zstd> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<Zstd> {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as NodeZstd
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return webAssembly().catch(unusable)
  const params = {
    [constants.ZSTD_c_compressionLevel as number]: LEVEL,
    [constants.ZSTD_c_checksumFlag as number]: 1,
  }
  return {
    compress: (text) => zstdCompressSync(text, { params, chunkSize: USUAL_PACKED_BYTES }),
    decompress: (frame, length) =>
      zstdDecompressSync(frame, { chunkSize: Math.max(64, length + 1), maxOutputLength: FRAME_BYTES }),
  }
}

async function webAssembly(): Promise<Zstd> {
  const { init, compress, decompress } = await import('@bokuweb/zstd-wasm')
  await inTime(init())
  const { h64Raw } = await xxhash()
  return {
    compress: (text) => withChecksum(compress(text, LEVEL), h64Raw(text)),
    decompress: (frame) => decompress(frame),
  }
}

/** The library never says that it could not start, for example without memory. @throws Error when it has not */
async function inTime(started: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it does not start')), LONGEST_START_MS)
  })
  await Promise.race([started, late]).finally(() => clearTimeout(timer))
}

/** Sets the flag and appends the low 32 bits: RFC 8878 §3.1.1. The library's simple interface makes no checksum. */
function withChecksum(frame: Uint8Array, xxh64: bigint): Uint8Array {
  const summed = Buffer.alloc(frame.length + 4)
  summed.set(frame)
  summed[4] = (frame[4] as number) | 4
  summed.writeUInt32LE(Number(xxh64 & 0xffffffffn), frame.length)
  return summed
}

function unusable(cause: unknown): never {
  throw new AuditError('zstd, which archives need, cannot be loaded', {
    advice: 'Install wandb-audit again, allow it more memory, or use Node 22.15 or later.',
    outside: true,
    cause,
  })
}

/** @param text of at most FRAME_BYTES */
export async function compressFrame(text: Uint8Array): Promise<Uint8Array> {
  return (await loadZstd()).compress(text)
}

/** @throws Error when there is anything but whole frames of at most FRAME_BYTES */
export async function* unpackOwnFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { decompress } = await loadZstd()
  const input = new ByteReader(chunks)
  try {
    for (let magic = await input.take(4, true); magic !== null; magic = await input.take(4, true)) {
      const { frame, length } = await readFrame(input, magic)
      yield decompress(frame, length)
    }
  } finally {
    await input.close()
  }
}

async function readFrame(input: ByteReader, magic: Uint8Array): Promise<{ frame: Uint8Array; length: number }> {
  if (readNumber(magic) !== MAGIC) throw new Error('not a frame')
  const { bytes, content, window, hasChecksum } = await readHeader(input)
  if (content === null || content > FRAME_BYTES || window > FRAME_BYTES)
    throw new Error('a frame that was not written by this program')
  const blocks: Uint8Array[] = []
  for (let last = false, packedBytes = 0; !last; ) {
    const block = await readBlock(input)
    last = block.isLast
    packedBytes += block.bytes.length
    blocks.push(block.bytes)
    if (packedBytes > MOST_PACKED_BYTES || blocks.length > MOST_BLOCKS)
      throw new Error('a frame larger than any of its length')
  }
  const checksum = hasChecksum ? await input.need(4) : new Uint8Array()
  return { frame: Buffer.concat([magic, bytes, ...blocks, checksum]), length: content }
}
