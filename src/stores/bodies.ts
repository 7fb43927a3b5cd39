/** Bodies of answers, of stores whose clients do not see to their end. */

import { AuditError, interrupted } from '../errors.js'
import { broken } from './trying.js'

/**
 * The pieces of a body that must have `expected` bytes; null where only the connection tells its end.
 *
 * @param doing for example `read gs://bucket/key`
 * @param end ends the connection when nobody reads on
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
    throw broken(doing, error)
  } finally {
    end()
  }
  if (expected !== null && bytes !== expected) {
    throw new AuditError(`could not ${doing}: ${bytes} bytes arrived of ${expected}`, {
      retryable: true,
      advice: 'Run it again: it goes on where it stopped.',
    })
  }
}

/** How long a server may be silent, in milliseconds. */
const QUIET_MS = 120_000

export interface Watch {
  readonly signal: AbortSignal
  /** Something moved. */
  heard(): void
  /** The same pieces; while a piece is used, nothing is waited for. */
  over(body: AsyncIterable<string | Uint8Array>): AsyncIterable<Uint8Array>
  end(): void
}

/** For clients without a limit of their own: a signal that also ends what goes on when nothing is heard for too long. */
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
