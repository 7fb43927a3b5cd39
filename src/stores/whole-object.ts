/** Reads one version of an object completely: resumes by range when the connection breaks, and verifies the result. */

import { AuditError } from '../errors.js'
import { digesting } from './checksum.js'
import type { ObjectStore, Reading, StoredObject } from './contract.js'

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
  const { checksum } = reading
  const digest = checksum === null ? null : await digesting(checksum)
  let bytes = 0
  let breaks = 0
  for (let current = reading; ; current = await resumed(store, object, bytes, signal)) {
    try {
      for await (const chunk of current.chunks) {
        bytes += chunk.length
        breaks = 0
        digest?.update(chunk)
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
  if (digest !== null && (await digest.base64()) !== checksum?.digest) throw notWhole('its checksum does not match')
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
