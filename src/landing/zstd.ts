/**
 * Unpacks zstd frame by frame (RFC 8878). fzstd decodes blocks but verifies no checksum, so the frames are parsed here,
 * which also catches a frame that asks for too much memory.
 */

import { Decompress } from 'fzstd'
import xxhash from 'xxhash-wasm'
import { AuditError } from '../errors.js'
import { trailing } from './trailing.js'
import { ByteReader, MAGIC, readBlock, readHeader, readNumber } from './zstd-format.js'

/** The zstd command refuses larger windows by default, too. */
const LARGEST_WINDOW = 2 ** 27

/**
 * fzstd moves the whole window for every block, however small. Archives of logs stay below this many bytes moved per
 * byte that arrived (`--long` needs 22,000). The first bytes, about a second's worth, are free.
 */
const MOST_MOVED_PER_BYTE = 32_768
const MOVED_FOR_FREE = 2 ** 33

const SKIPPABLE = 0x184d2a50

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
    const header = await readHeader(input)
    if (header.window > LARGEST_WINDOW) throw needsTooMuchMemory()
    move(header.window)
    decompress.push(Buffer.concat([magic, header.bytes]))
    for (let last = false; !last; ) {
      const { bytes, isLast } = await readBlock(input)
      last = isLast
      move(header.window)
      decompress.push(bytes)
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

function needsTooMuchMemory(): AuditError {
  return new AuditError('the zstd archive needs more than 128 MiB of memory to unpack; none of it was loaded', {
    advice: 'Unpack it by hand with `zstd -d --long=31` and load the plain file.',
  })
}

function unpacksTooSlowly(): AuditError {
  return new AuditError('the zstd archive would take too long to unpack for its size; none of it was loaded', {
    advice: 'If it really holds audit logs, unpack it by hand with `zstd -d --long=31` and load the plain file.',
  })
}
