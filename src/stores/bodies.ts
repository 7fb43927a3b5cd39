/** Checks response bodies, for stores whose clients do not check that a body is complete. */

import { AuditError, interrupted } from '../errors.js'
import { connectionError } from './network.js'

/**
 * Yields the chunks of a body that must have `expected` bytes; null when only the connection marks its end.
 *
 * @param doing for example `read gs://bucket/key`
 * @param end closes the connection when the consumer stops
 * @throws (the iteration) AuditError, retryable, when it breaks off
 */
export async function* wholeBody(
  body: AsyncIterable<Uint8Array>,
  expected: number | null,
  doing: string,
  signal: AbortSignal,
  end: () => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  try {
    for await (const chunk of body) {
      bytes += chunk.length
      yield chunk
    }
  } catch (error) {
    if (signal.aborted) throw interrupted()
    throw connectionError(doing, error)
  } finally {
    end()
  }
  if (expected !== null && bytes !== expected) {
    throw new AuditError(`could not ${doing}: ${bytes} bytes arrived of ${expected}`, {
      retryable: true,
      advice: 'Run it again; it continues where it stopped.',
    })
  }
}

/** How long a server may be silent, in milliseconds. */
const QUIET_MS = 120_000

export interface Watch {
  readonly signal: AbortSignal
  /** To be called when data moved. */
  heard(): void
  /** Passes the chunks on. The time that the consumer spends on a chunk does not count as silence. */
  over(body: AsyncIterable<string | Uint8Array>): AsyncIterable<Uint8Array>
  end(): void
}

/** For clients without an idle timeout: a signal that is also aborted when the server is silent for too long. */
export function watched(signal: AbortSignal): Watch {
  const silence = new AbortController()
  const abort = (): void => silence.abort()
  let timer = setTimeout(abort, QUIET_MS)
  return {
    signal: AbortSignal.any([signal, silence.signal]),
    heard: () => void timer.refresh(),
    async *over(body) {
      for await (const chunk of body) {
        clearTimeout(timer)
        yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
        timer = setTimeout(abort, QUIET_MS)
      }
    },
    end() {
      clearTimeout(timer)
      silence.abort()
    },
  }
}
