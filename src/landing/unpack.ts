/** Unpacks .gz and .zst, recognised by their first bytes rather than their names, and removes byte order marks. */

import { AuditError } from '../errors.js'
import { unpackMembers } from './gzip.js'
import { peek } from './peek.js'

/** Audit logs compress 10 to 30 times; a large file that unpacks further than this is a decompression bomb. */
const MOST_RATIO = 200
const ALWAYS_ALLOWED = 256 * 1024 * 1024

const GZIP = [0x1f, 0x8b]
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd]
const BOM = [0xef, 0xbb, 0xbf]

const startsWith = (bytes: Uint8Array, magic: readonly number[]): boolean => magic.every((byte, i) => bytes[i] === byte)

/** A skippable frame, with which any zstd archive may begin: RFC 8878 §3.1.2. */
const isSkippable = ([first = 0, ...others]: Uint8Array): boolean =>
  first >> 4 === 5 && [0x2a, 0x4d, 0x18].every((byte, i) => others[i] === byte)

export interface UnpackFacts {
  /** True when the text equals the bytes that arrived. */
  asArrived: boolean
}

/**
 * @param chunks the bytes as they arrive
 * @param facts  `asArrived` is set before the first chunk is yielded
 * @throws AuditError when an archive is cut short or damaged, or unpacks to far more than its size
 */
export async function* unpack(chunks: AsyncIterable<Uint8Array>, facts: UnpackFacts): AsyncGenerator<Uint8Array> {
  const packed = { bytes: 0 }
  const { head, rest } = await peek(counted(chunks, packed), 8)
  let text = rest
  if (startsWith(head, GZIP)) text = bounded(undamaged('gzip', unpackMembers(rest)), packed)
  else if (startsWith(head, ZSTD) || isSkippable(head)) {
    const { unpackFrames } = await import('./zstd.js')
    text = bounded(undamaged('zstd', unpackFrames(rest)), packed)
  }
  facts.asArrived = text === rest
  yield* withoutMarks(text, facts)
}

/** Removes all marks: the engine skips them too, but would then not count a line that holds nothing else. */
async function* withoutMarks(chunks: AsyncIterable<Uint8Array>, facts: UnpackFacts): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | null = new Uint8Array()
  for await (const chunk of chunks) {
    if (held === null) {
      yield chunk
      continue
    }
    const bytes: Uint8Array = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let start = 0
    while (startsWith(bytes.subarray(start), BOM)) start += BOM.length
    if (start > 0) facts.asArrived = false
    held = bytes.subarray(start)
    if (held.length < BOM.length && startsWith(held, BOM.slice(0, held.length))) continue
    yield held
    held = null
  }
  if (held !== null && held.length > 0) yield held
}

async function* counted(chunks: AsyncIterable<Uint8Array>, total: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    total.bytes += chunk.length
    yield chunk
  }
}

/** @throws AuditError when a text is far longer than what it was unpacked from */
export async function* bounded(
  chunks: AsyncIterable<Uint8Array>,
  packed: { readonly bytes: number },
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > Math.max(ALWAYS_ALLOWED, packed.bytes * MOST_RATIO)) {
      throw new AuditError(`the archive unpacks to more than ${MOST_RATIO} times its size; none of it was loaded`, {
        advice: 'If it really holds audit logs, unpack it by hand and load the plain file.',
      })
    }
    yield chunk
  }
}

async function* undamaged(kind: string, text: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* text
  } catch (error) {
    throw error instanceof AuditError ? error : damaged(kind, error)
  }
}

function damaged(kind: string, cause: unknown): AuditError {
  return new AuditError(`the ${kind} archive is cut short, damaged or followed by other bytes; none of it was loaded`, {
    advice: `Copy it again in full; the next run loads it. \`${kind} -t\` shows details.`,
    cause,
  })
}
