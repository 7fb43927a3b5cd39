/** What stores share that repeat requests themselves. */

import { setMaxListeners } from 'node:events'
import { AuditError, interrupted } from '../errors.js'
import { retrying } from '../retry.js'
import { networkFailure } from './network.js'

/** How often a request is repeated, and the first pause before that, in milliseconds; each later one is three times as long. */
export interface Patience {
  readonly retries: number
  readonly pauseMs: number
}

/** Half a minute to a minute in all: throttling that outlasts it is for the next run. */
export const PATIENCE: Patience = { retries: 5, pauseMs: 200 }

/**
 * Repeats `attempt` while it fails with a retryable AuditError.
 *
 * @throws AuditError of the last attempt; no longer retryable, for every repeat is used up
 */
export async function trying<T>(attempt: () => Promise<T>, signal: AbortSignal, patience: Patience): Promise<T> {
  // One signal ends many requests at once; Node would warn of a leak.
  setMaxListeners(0, signal)
  try {
    return await retrying(attempt, signal, patience.retries, patience.pauseMs)
  } catch (error) {
    if (signal.aborted) throw interrupted()
    throw error instanceof AuditError && error.retryable ? givenUp(error, patience.retries) : error
  }
}

/** What to throw when every repeat is used up, so that whoever asked does not begin the same once more. */
export function givenUp({ message, advice, cause }: AuditError, retries: number): AuditError {
  return new AuditError(`${message} (tried ${retries + 1} times)`, {
    outside: true,
    ...(advice === undefined ? {} : { advice }),
    cause,
  })
}

/**
 * A connection that failed, before or inside an answer.
 *
 * @param doing for example `read gs://bucket/key`
 */
export function broken(doing: string, error: unknown): AuditError {
  const name = nameOf(error)
  const { what, ...details } = networkFailure(error) ?? {
    what: name === 'AbortError' ? 'nothing was heard for too long' : `the connection broke (${name})`,
    advice: 'Run it again: it goes on where it stopped.',
    retryable: true,
  }
  return new AuditError(`could not ${doing}: ${what}`, { ...details, outside: true })
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && error.code !== undefined ? String(error.code) : error.name
}
