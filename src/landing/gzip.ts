/**
 * Unpacks gzip as gzip itself does: several members, with zero padding between and after them, and nothing else. Node's
 * zlib silently drops whatever follows the padding.
 */

import { createGunzip, type Gunzip } from 'node:zlib'
import { trailing } from './trailing.js'

const GZIP = [0x1f, 0x8b]

/** @throws Error when a member is cut short or damaged; AuditError when other bytes follow one */
export async function* unpackMembers(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = chunks[Symbol.asyncIterator]()
  const next = async (): Promise<Uint8Array | null> => {
    const { value, done } = await input.next()
    return done === true ? null : value
  }
  let unpacked = false
  try {
    for (let rest = await next(); rest !== null; ) {
      const unzip = createGunzip({ chunkSize: 256 * 1024 })
      const feeding = feed(unzip, rest, next)
      feeding.catch((error) => unzip.destroy(error))
      try {
        yield* unzip
        unpacked = true
      } catch (error) {
        // zlib continues by itself when members follow each other without padding.
        if (unzip.bytesWritten > 0 && isHeader(error)) throw trailing('gzip')
        throw error
      } finally {
        unzip.destroy()
      }
      rest = await skipZeros(await feeding, next)
      if (rest !== null && unpacked && GZIP.some((byte, i) => rest?.[i] !== byte)) throw trailing('gzip')
    }
  } finally {
    // Whoever stops reading early leaves nothing open behind.
    await input.return?.()
  }
}

const isHeader = (error: unknown): boolean => error instanceof Error && error.message === 'incorrect header check'

/** Feeds chunks until the member is complete. Resolves with the bytes that were not consumed. */
async function feed(unzip: Gunzip, first: Uint8Array, next: () => Promise<Uint8Array | null>): Promise<Uint8Array> {
  const closed = new Promise<void>((resolve) => unzip.once('close', resolve))
  let given = 0
  for (let chunk: Uint8Array | null = first; chunk !== null; chunk = await next()) {
    const bytes = chunk
    given += bytes.length
    const taken = new Promise<void>((resolve, reject) => {
      unzip.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
    await Promise.race([taken, closed])
    const left = given - unzip.bytesWritten
    if (left > 0 || unzip.destroyed) {
      unzip.end()
      return bytes.subarray(bytes.length - left)
    }
  }
  unzip.end()
  return new Uint8Array()
}

/** The bytes from the first non-zero one on, at least two unless the input ends; null at the end. */
async function skipZeros(bytes: Uint8Array, next: () => Promise<Uint8Array | null>): Promise<Uint8Array | null> {
  for (let rest: Uint8Array | null = bytes; rest !== null; rest = await next()) {
    const start = rest.findIndex((byte) => byte !== 0)
    if (start === -1) continue
    const found = rest.subarray(start)
    if (found.length > 1) return found
    const more = await next()
    return more === null ? found : Buffer.concat([found, more])
  }
  return null
}
