/** Reads archived documents back, and proves that their bytes are those that were archived. */

import { createHash } from 'node:crypto'
import { AuditError, interrupted } from '../errors.js'
import type { ObjectStore, StoredObject } from '../stores/contract.js'
import { wholeObject } from '../stores/whole-object.js'
import { type Heading, MOST_HEADING_BYTES, parseHeading } from './format.js'
import { loadZstd, unpackOwnFrames } from './zstd.js'

const LF = 0x0a

export interface Opened {
  readonly heading: Heading
  /** The document's bytes; the iteration rejects when they are not those of `sha256`. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Stops reading. */
  close(): Promise<void>
}

/**
 * @param sha256 from the object's name
 * @param mostBytes that the document can have: a forged object may unpack to 25,000 times its size
 * @returns null when the object is gone
 * @throws AuditError when it is not an archived document
 */
export async function openArchived(
  store: ObjectStore,
  object: StoredObject,
  sha256: string,
  signal: AbortSignal,
  mostBytes = Number.POSITIVE_INFINITY,
): Promise<Opened | null> {
  // Before anything is requested: a damaged installation is not the object's fault.
  await loadZstd()
  const reading = await store.read(object, 0, signal)
  if (reading === null) return null
  const chunks = unpacked(unpackOwnFrames(wholeObject(store, object, reading, signal)), signal)
  const close = async (): Promise<void> => void (await chunks.return(undefined))
  try {
    const { line, rest } = await firstLine(chunks)
    return { heading: parseHeading(line), bytes: proven(rest, chunks, sha256, mostBytes), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function* unpacked(text: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* text
  } catch (error) {
    if (signal.aborted) throw interrupted()
    throw error instanceof AuditError ? error : altered('it cannot be unpacked', error)
  }
}

async function firstLine(chunks: AsyncGenerator<Uint8Array>): Promise<{ line: string; rest: Uint8Array }> {
  let held: Buffer = Buffer.alloc(0)
  while (held.length <= MOST_HEADING_BYTES) {
    const { value, done } = await chunks.next()
    if (done === true) break
    held = Buffer.concat([held, value])
    const end = held.indexOf(LF)
    if (end >= 0) return { line: held.toString('utf8', 0, end), rest: held.subarray(end + 1) }
  }
  throw altered('it has no heading')
}

async function* proven(
  first: Uint8Array,
  others: AsyncIterable<Uint8Array>,
  sha256: string,
  mostBytes: number,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256').update(first)
  let bytes = first.length
  if (first.length > 0) yield first
  for await (const chunk of others) {
    bytes += chunk.length
    if (bytes > mostBytes) throw altered('it is longer than the document was')
    hash.update(chunk)
    yield chunk
  }
  if (hash.digest('hex') !== sha256) throw altered('its bytes are not those that its name states')
}

export function altered(why: string, cause?: unknown): AuditError {
  return new AuditError(`the archived document is damaged or was replaced: ${why}; none of it was loaded`, {
    advice: 'Restore the object from a copy, or from an earlier version that the bucket keeps.',
    cause,
  })
}
