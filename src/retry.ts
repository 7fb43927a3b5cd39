import pRetry from 'p-retry'
import { AuditError, interrupted } from './errors.js'

/**
 * Runs `attempt` again, with growing pauses, while it fails with a retryable AuditError.
 *
 * @param pauseMs the first pause, in milliseconds; each later one is three times as long
 * @throws what the last attempt threw; the signal's reason when it is aborted
 */
export function retrying<T>(attempt: () => Promise<T>, signal: AbortSignal, retries = 3, pauseMs = 200): Promise<T> {
  return pRetry(attempt, {
    retries,
    minTimeout: pauseMs,
    factor: 3,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => error instanceof AuditError && error.retryable,
  })
}

/** Does not wait for `promise` any longer than the signal lets it, for clients that take none. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(interrupted())
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
