/** What one document may take, so that none can hold up all others for ever. */

import { setMaxListeners } from 'node:events'
import { AuditError } from '../errors.js'

export interface DocumentLimits {
  /** Of the document as it arrives and of its text, each. */
  readonly maxBytes: number
  /** From its request to its last byte. */
  readonly timeoutMs: number
}

/** The largest days of the largest instances have some gigabytes; over a slow line that takes an hour or two. */
export const GENEROUS: DocumentLimits = { maxBytes: 16e9, timeoutMs: 6 * 3_600_000 }

/** Node's timers go no further: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * @param work is given a signal that is aborted when the time is over, or with the other one
 * @throws AuditError when the time is over before the work is done
 */
export async function withinTime<T>(
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // One signal ends all documents that are landing; Node would warn of a leak.
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
  return new AuditError(`it had not arrived after ${timeoutMs / 60_000} minutes; nothing of it is loaded`, {
    advice: 'If it really takes so long, allow more with --document-timeout.',
  })
}

export function tooLarge({ maxBytes }: DocumentLimits): AuditError {
  return new AuditError(`it is larger than ${maxBytes} bytes; nothing of it is loaded`, {
    advice: 'If it really is a log, allow more with --max-document-bytes.',
  })
}
