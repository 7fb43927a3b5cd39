/** Reads one version of an object completely: resumes by range when the connection breaks, and verifies the result. */

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Crc32c } from '@aws-crypto/crc32c'
import { AuditError } from '../../errors.js'
import type { Checksum, ObjectStore, Reading, StoredObject } from '../../stores/contract.js'

/** How often in a row a connection may break without delivering a single byte. */
const MOST_BREAKS = 5

/**
 * @param reading of the object, from its first byte
 * @throws AuditError, retryable, when the object was overwritten in the meantime, the connection keeps breaking, or the
 * bytes differ from what the store says it holds
 */
export async function* wholeObject(
  store: ObjectStore,
  object: StoredObject,
  reading: Reading,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const digest = digesting(reading.checksum)
  let bytes = 0
  let breaks = 0
  for (let current = reading; ; current = await resumed(store, object, bytes, signal)) {
    try {
      for await (const chunk of current.chunks) {
        bytes += chunk.length
        breaks = 0
        digest.update(chunk)
        yield chunk
      }
      if (bytes >= object.bytes) break
    } catch (error) {
      const mayResume = error instanceof AuditError && error.retryable && !signal.aborted
      if (!mayResume || ++breaks > MOST_BREAKS) throw error
      if (bytes >= object.bytes) break
      continue
    }
    if (++breaks > MOST_BREAKS) throw notWhole(`${bytes} of ${object.bytes} bytes arrived`)
  }
  if (bytes !== object.bytes) throw notWhole(`${bytes} bytes arrived where ${object.bytes} were listed`)
  if (reading.checksum !== null && digest.base64() !== reading.checksum.digest)
    throw notWhole('its checksum does not match')
}

async function resumed(store: ObjectStore, object: StoredObject, from: number, signal: AbortSignal): Promise<Reading> {
  const reading = await store.read(object, from, signal)
  if (reading === null) throw notWhole('it was overwritten or removed while it was read')
  return reading
}

function notWhole(why: string): AuditError {
  return new AuditError(`the object did not arrive whole: ${why}; none of it was loaded`, {
    retryable: true,
    advice: 'The next run reads it again.',
  })
}

interface Digest {
  update(bytes: Uint8Array): void
  base64(): string
}

function digesting(checksum: Checksum | null): Digest {
  if (checksum === null) return { update() {}, base64: () => '' }
  if (checksum.algorithm === 'crc32') {
    let value = 0
    return {
      update: (bytes) => {
        value = crc32(bytes, value)
      },
      base64: () => bigEndian(value),
    }
  }
  if (checksum.algorithm === 'crc32c') {
    const sum = new Crc32c()
    return { update: (bytes) => void sum.update(bytes), base64: () => bigEndian(sum.digest()) }
  }
  const hash = createHash(checksum.algorithm)
  return { update: (bytes) => void hash.update(bytes), base64: () => hash.digest('base64') }
}

function bigEndian(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes.toString('base64')
}
