/** The parts of a zstd frame: RFC 8878 §3.1.1. */

export const MAGIC = 0xfd2fb528
const RLE = 1

export interface FrameHeader {
  readonly bytes: Uint8Array
  readonly hasChecksum: boolean
  /** How much of the text has to be kept while unpacking, in bytes. */
  readonly window: number
  /** Length of the text in bytes; null if the frame does not state it. */
  readonly content: number | null
}

/** Reads what follows the magic number. @throws Error at the end of the input */
export async function readHeader(input: ByteReader): Promise<FrameHeader> {
  const descriptor = await input.need(1)
  const [flags = 0] = descriptor
  const singleSegment = (flags & 0x20) !== 0
  const windowSize = singleSegment ? 0 : 1
  const dictionarySize = [0, 1, 2, 4][flags & 3] as number
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][flags >> 6] as number
  const fields = await input.need(windowSize + dictionarySize + contentSize)
  const stated = readNumber(fields.subarray(windowSize + dictionarySize))
  const content = contentSize === 0 ? null : contentSize === 2 ? stated + 256 : stated
  const window = singleSegment ? (content ?? 0) : windowOf(fields[0] as number)
  return { bytes: Buffer.concat([descriptor, fields]), hasChecksum: (flags & 4) !== 0, window, content }
}

const windowOf = (descriptor: number): number => {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

export interface Block {
  readonly bytes: Uint8Array
  readonly isLast: boolean
}

/** @throws Error at the end of the input */
export async function readBlock(input: ByteReader): Promise<Block> {
  const header = await input.need(3)
  const number = readNumber(header)
  const size = ((number >> 1) & 3) === RLE ? 1 : number >> 3
  return { bytes: Buffer.concat([header, await input.need(size)]), isLast: (number & 1) === 1 }
}

/** Little-endian, up to eight bytes. Beyond 2^53 it is inexact, but large enough to be refused. */
export function readNumber(bytes: Uint8Array): number {
  let sum = 0
  for (let i = bytes.length - 1; i >= 0; i--) sum = sum * 256 + (bytes[i] as number)
  return sum
}

/** Reads exact numbers of bytes from chunks of any size. */
export class ByteReader {
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

  /** Ends the input, for whoever stops reading early. */
  async close(): Promise<void> {
    await this.chunks.return?.()
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
