/**
 * Unpacks zstd frame by frame (RFC 8878). fzstd decodes blocks but verifies no checksum, so the frames are parsed here,
 * which also catches a frame that asks for too much memory.
 */

import { Decompress } from 'fzstd'
import xxhash from 'xxhash-wasm'
import { AuditError } from '../errors.js'
import { trailing } from './trailing.js'

/** The zstd command refuses larger windows by default, too. */
const LARGEST_WINDOW = 2 ** 27

/**
 * fzstd moves the whole window for every block, however small. Archives of logs stay below this many bytes moved per
 * byte that arrived (`--long` needs 22,000). The first bytes, about a second's worth, are free.
 */
const MOST_MOVED_PER_BYTE = 32_768
const MOVED_FOR_FREE = 2 ** 33

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
const RLE = 1

/** @throws Error when the archive is cut short or damaged; AuditError when it asks for more memory than is allowed */
export async function* unpackFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { create64 } = await xxhash()
  const input = new ByteReader(chunks)
  let moved = 0
  const move = (bytes: number): void => {
    moved += bytes
    if (moved > MOVED_FOR_FREE + MOST_MOVED_PER_BYTE * input.taken) throw unpacksTooSlowly()
  }
  for (let magic = await input.take(4, true); magic !== null; magic = await input.take(4, true)) {
    const number = readNumber(magic)
    if (number - (number % 16) === SKIPPABLE) {
      await input.skip(readNumber(await input.need(4)))
      continue
    }
    if (number !== MAGIC) throw trailing('zstd')
    const output: Uint8Array[] = []
    const decompress = new Decompress((chunk) => {
      if (chunk.length > 0) output.push(chunk)
    })
    const hash = create64()
    const descriptor = await input.need(1)
    const header = await readHeader(input, descriptor[0] as number)
    move(header.window)
    decompress.push(Buffer.concat([magic, descriptor, header.bytes]))
    for (let last = false; !last; ) {
      const blockHeader = await input.need(3)
      const block = readNumber(blockHeader)
      last = (block & 1) === 1
      const size = ((block >> 1) & 3) === RLE ? 1 : block >> 3
      move(header.window)
      decompress.push(Buffer.concat([blockHeader, await input.need(size)]))
      for (const chunk of output.splice(0)) {
        hash.update(chunk)
        yield chunk
      }
    }
    const checksum = header.hasChecksum ? await input.need(4) : new Uint8Array()
    decompress.push(checksum, true)
    for (const chunk of output.splice(0)) {
      hash.update(chunk)
      yield chunk
    }
    if (header.hasChecksum && readNumber(checksum) !== Number(hash.digest() & 0xffffffffn))
      throw new Error('wrong checksum')
  }
}

interface Header {
  readonly bytes: Uint8Array
  readonly hasChecksum: boolean
  /** In bytes. */
  readonly window: number
}

/** Parses what follows the descriptor: RFC 8878 §3.1.1.1. */
async function readHeader(input: ByteReader, descriptor: number): Promise<Header> {
  const singleSegment = (descriptor & 0x20) !== 0
  const windowSize = singleSegment ? 0 : 1
  const dictionarySize = [0, 1, 2, 4][descriptor & 3] as number
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number
  const bytes = await input.need(windowSize + dictionarySize + contentSize)
  const content = readNumber(bytes.subarray(windowSize + dictionarySize))
  const window = singleSegment ? content : windowOf(bytes[0] as number)
  if (window > LARGEST_WINDOW) {
    throw new AuditError('the zstd archive needs more than 128 MiB of memory to unpack; none of it was loaded', {
      advice: 'Unpack it by hand with `zstd -d --long=31` and load the plain file.',
    })
  }
  return { bytes, hasChecksum: (descriptor & 4) !== 0, window }
}

const windowOf = (descriptor: number): number => {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** Little-endian, up to eight bytes. Beyond 2^53 it is inexact, but large enough to be refused. */
function readNumber(bytes: Uint8Array): number {
  let sum = 0
  for (let i = bytes.length - 1; i >= 0; i--) sum = sum * 256 + (bytes[i] as number)
  return sum
}

function unpacksTooSlowly(): AuditError {
  return new AuditError('the zstd archive would take too long to unpack for its size; none of it was loaded', {
    advice: 'If it really holds audit logs, unpack it by hand with `zstd -d --long=31` and load the plain file.',
  })
}

/** Reads exact numbers of bytes from chunks of any size. */
class ByteReader {
  /** Bytes taken so far. */
  taken = 0
  private readonly chunks: AsyncIterator<Uint8Array>
  private rest: Uint8Array = new Uint8Array()

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks[Symbol.asyncIterator]()
  }

  /** @returns null at the end of the input, if `mayEnd` allows that */
  async take(count: number, mayEnd: boolean): Promise<Uint8Array | null> {
    if (this.rest.length < count && !(await this.fill(count))) {
      if (mayEnd && this.rest.length === 0) return null
      throw new Error('unexpected end')
    }
    const taken = this.rest.subarray(0, count)
    this.rest = this.rest.subarray(count)
    this.taken += count
    return taken
  }

  async need(count: number): Promise<Uint8Array> {
    return (await this.take(count, false)) as Uint8Array
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 65_536) await this.need(Math.min(left, 65_536))
  }

  /** Returns whether `count` bytes are available. */
  private async fill(count: number): Promise<boolean> {
    const pieces = [this.rest]
    let bytes = this.rest.length
    while (bytes < count) {
      const { value, done } = await this.chunks.next()
      if (done === true) break
      pieces.push(value)
      bytes += value.length
    }
    this.rest = Buffer.concat(pieces)
    return bytes >= count
  }
}
