/** Limits for one document, so that none can hold up all others forever. */

import { setMaxListeners } from 'node:events'
import { AuditError } from '../errors.js'

export interface DocumentLimits {
  /** Applies to the document as it arrives, and to its text. */
  readonly maxBytes: number
  /** From the request to the last byte. */
  readonly timeoutMs: number
}

/** The largest days of the largest instances have a few gigabytes, which take an hour or two over a slow line. */
export const GENEROUS: DocumentLimits = { maxBytes: 16e9, timeoutMs: 6 * 3_600_000 }

/** The longest timer that Node supports: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * @param work gets a signal that is aborted when the time is up or `signal` is aborted
 * @throws AuditError when the time is up before the work is done
 */
export async function withinTime<T>(
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Many documents listen to this one signal; Node would warn of a leak.
  setMaxListeners(0, signal)
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  const timer = setTimeout(stop, Math.min(timeoutMs, LONGEST_TIMER_MS))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await work(controller.signal)
  } catch (error) {
    if (controller.signal.aborted && !signal.aborted) throw tooSlow(timeoutMs)
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function tooSlow(timeoutMs: number): AuditError {
  return new AuditError(`it had not arrived after ${timeoutMs / 60_000} minutes; none of it was loaded`, {
    advice: 'If it really takes that long, raise --document-timeout.',
  })
}

export function tooLarge({ maxBytes }: DocumentLimits): AuditError {
  return new AuditError(`it is larger than ${maxBytes} bytes; none of it was loaded`, {
    advice: 'If it really is a log, raise --max-document-bytes.',
  })
}
