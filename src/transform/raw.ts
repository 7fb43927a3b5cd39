/** Splits a rejected line into pieces, so that neither a warehouse nor this process has to hold all of a long one. */

import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'

/** Bytes of a piece. The engine holds 2,048 pieces at once, and Redshift limits a text to 65,535 bytes. */
export const PIECE_BYTES = 15_000

/** How many bytes fill one piece in base64. */
const BASE64_BYTES = (PIECE_BYTES / 4) * 3
const CHUNK_BYTES = 1 << 20

/** A line's bytes, in memory or in a file. */
export interface LineBytes {
  readonly length: number
  read(from: number, to: number): Buffer
}

export const inMemory = (bytes: Buffer): LineBytes => ({
  length: bytes.length,
  read: (from, to) => bytes.subarray(from, to),
})

/** `base64` for bytes that are not UTF-8. */
export type Encoding = 'utf8' | 'base64'

export function encodingOf(line: LineBytes): Encoding {
  for (let from = 0; from < line.length; ) {
    const chunk = line.read(from, Math.min(from + CHUNK_BYTES, line.length))
    const whole = from + chunk.length === line.length ? chunk : wholeCharacters(chunk)
    if (!isUtf8(whole) || whole.length === 0) return 'base64'
    from += whole.length
  }
  return 'utf8'
}

export function* rawPieces(line: LineBytes, encoding: Encoding): Generator<string> {
  const step = encoding === 'utf8' ? PIECE_BYTES : BASE64_BYTES
  for (let from = 0; from < line.length || from === 0; ) {
    const chunk = line.read(from, Math.min(from + step, line.length))
    const cut = encoding === 'utf8' && from + chunk.length < line.length ? wholeCharacters(chunk) : chunk
    yield cut.toString(encoding)
    from += Math.max(1, cut.length)
  }
}

/**
 * The `reject_id` of a line of several pieces; the engine computes it from `raw` when there is only one.
 *
 * @param repeat how many equal lines of the document came before
 */
export function rejectId(document: string, line: LineBytes, encoding: Encoding, repeat: number): string {
  const bytes = encoding === 'utf8' ? line.length : Math.ceil(line.length / 3) * 4
  const hash = createHash('sha256').update(`${Buffer.byteLength(document)}:${document},${bytes}:`)
  for (const piece of rawPieces(line, encoding)) hash.update(piece)
  return hash.update(`#${repeat}`).digest('hex')
}

export function digestOf(line: LineBytes): string {
  const hash = createHash('sha256')
  for (let from = 0; from < line.length; from += CHUNK_BYTES) {
    hash.update(line.read(from, Math.min(from + CHUNK_BYTES, line.length)))
  }
  return hash.digest('base64')
}

/** Drops an incomplete character at the end of the chunk. */
function wholeCharacters(chunk: Buffer): Buffer {
  let end = chunk.length
  while (end > chunk.length - 4 && end > 0 && ((chunk[end - 1] as number) & 0xc0) === 0x80) end--
  if (end > 0 && (chunk[end - 1] as number) >= 0xc0) end--
  // Bytes that are not UTF-8 may be cut anywhere.
  return end === 0 || chunk.length - end > 4 ? chunk : chunk.subarray(0, end)
}
