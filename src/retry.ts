/** The one place for retries: which errors are retried, how often, and what is thrown in the end. */

import { setMaxListeners } from 'node:events'
import pRetry from 'p-retry'
import { AuditError, interrupted } from './errors.js'

export interface RetryPolicy {
  readonly retries: number
  /** The pause before the first retry, in milliseconds; each later pause is three times as long. */
  readonly pauseMs: number
}

/** Gives up after half a minute to a minute; throttling that lasts longer is left to the next run. */
export const REQUEST_RETRIES: RetryPolicy = { retries: 5, pauseMs: 200 }

/**
 * Runs `attempt`, and retries it with exponential backoff while it fails with a retryable AuditError.
 *
 * @param pauseMs the pause before the first retry, in milliseconds; each later pause is three times as long
 * @throws what the last attempt threw; the signal's reason when it is aborted
 */
export function retrying<T>(attempt: () => Promise<T>, signal: AbortSignal, retries = 3, pauseMs = 200): Promise<T> {
  // Many retries listen to this one signal; Node would warn of a leak.
  setMaxListeners(0, signal)
  return pRetry(attempt, {
    retries,
    minTimeout: pauseMs,
    factor: 3,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => error instanceof AuditError && error.retryable,
  })
}

/**
 * `retrying` for a single request: when no retry is left, its error is no longer retryable.
 *
 * @throws AuditError: `interrupted` when the signal is aborted; otherwise that of the last attempt
 */
export async function retryingRequest<T>(
  attempt: () => Promise<T>,
  signal: AbortSignal,
  { retries, pauseMs }: RetryPolicy,
): Promise<T> {
  try {
    return await retrying(attempt, signal, retries, pauseMs)
  } catch (error) {
    if (signal.aborted) throw interrupted()
    throw error instanceof AuditError && error.retryable ? retriesExhausted(error, retries) : error
  }
}

/** The error after the last retry. It is not retryable, so that the caller does not start over. */
export function retriesExhausted({ message, advice, cause }: AuditError, retries: number): AuditError {
  return new AuditError(`${message} (tried ${retries + 1} times)`, {
    outside: true,
    ...(advice === undefined ? {} : { advice }),
    cause,
  })
}

/** For work that must run to its end. */
export const NEVER_ABORTED: AbortSignal = new AbortController().signal

/** Rejects as soon as the signal is aborted, for clients that take no signal. `promise` itself goes on. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(interrupted())
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
