import pRetry from 'p-retry'
import { AuditError } from './errors.js'

/**
 * Runs `attempt` again, with growing pauses, while it fails with a retryable AuditError.
 *
 * @throws what the last attempt threw; the signal's reason when it is aborted
 */
export function retrying<T>(attempt: () => Promise<T>, signal: AbortSignal, retries = 3): Promise<T> {
  return pRetry(attempt, {
    retries,
    minTimeout: 200,
    factor: 3,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => error instanceof AuditError && error.retryable,
  })
}
