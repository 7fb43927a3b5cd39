/** A rejected line as it is kept: in pieces, so that no warehouse, and no process, has to hold all of a long one. */

import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'

/** Of a piece, in bytes. The engine holds 2,048 of them at once; in Redshift a text ends at 65,535 bytes. */
export const PIECE_BYTES = 15_000

/** As many bytes as make a piece of base64. */
const BASE64_BYTES = (PIECE_BYTES / 4) * 3
const CHUNK_BYTES = 1 << 20

/** A line's bytes, which may lie in a file. */
export interface LineBytes {
  readonly length: number
  read(from: number, to: number): Buffer
}

export const inMemory = (bytes: Buffer): LineBytes => ({
  length: bytes.length,
  read: (from, to) => bytes.subarray(from, to),
})

/** `base64` where the bytes are no UTF-8. */
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
 * `reject_id` of a line of several pieces, which the engine computes from `raw` where that is whole.
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

/** Without the character that the end of the chunk cuts, if it cuts one. */
function wholeCharacters(chunk: Buffer): Buffer {
  let end = chunk.length
  while (end > chunk.length - 4 && end > 0 && ((chunk[end - 1] as number) & 0xc0) === 0x80) end--
  if (end > 0 && (chunk[end - 1] as number) >= 0xc0) end--
  // What is no character at all is cut anywhere.
  return end === 0 || chunk.length - end > 4 ? chunk : chunk.subarray(0, end)
}
