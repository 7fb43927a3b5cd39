/** Requests: through the client's own transport, with its login, and again where that may help. */

import type { BigQuery } from '@google-cloud/bigquery'
import { AuditError, interrupted } from '../../src/errors.js'
import { retrying } from '../../src/retry.js'
import type { JobTiming } from '../shared/jobs.js'
import type { Clock, Pauses } from './conflicts.js'
import { bigqueryError, isDuplicate, isNotFound } from './errors.js'

export interface Timing extends JobTiming {
  /** How often a request or a job is repeated, and the first pause (ms) before that; each later one is three times as long. */
  readonly retries: number
  readonly pauseMs: number
  /** Where another load is in the way, a job is begun anew until `limitMs` is over. */
  readonly conflicts: Pauses
  readonly clock: Clock
}

export interface Asker {
  /** The sink's id. */
  readonly id: string
  readonly timing: Timing
}

/**
 * What `request` gives; it is repeated while it fails in a way that may pass, so it must be safe to do twice.
 *
 * @param doing what is being done, for errors: `making the dataset`
 * @throws AuditError, no longer retryable; `interrupted` when the signal is aborted
 */
export async function asking<T>(
  { id, timing }: Asker,
  doing: string,
  signal: AbortSignal,
  request: () => Promise<T>,
): Promise<T> {
  const attempt = async (): Promise<T> => {
    try {
      return await request()
    } catch (error) {
      throw bigqueryError(`${id}: ${doing}`, error)
    }
  }
  try {
    return await retrying(attempt, signal, timing.retries, timing.pauseMs)
  } catch (error) {
    if (signal.aborted) throw interrupted()
    throw error instanceof AuditError && error.retryable ? givenUp(error, timing.retries + 1) : error
  }
}

export function givenUp({ message, advice, outside }: AuditError, tries: number): AuditError {
  return new AuditError(`${message} (tried ${tries} times)`, { outside, ...(advice === undefined ? {} : { advice }) })
}

/** What `request` gives; null when there is no such thing. */
export async function ifThere<T>(request: () => Promise<T>): Promise<T | null> {
  try {
    return await request()
  } catch (error) {
    if (isNotFound(error)) return null
    throw error
  }
}

/** Makes something, unless it is there: another run may make the same at once, or an earlier answer was lost. */
export async function unlessThere(request: () => Promise<unknown>): Promise<void> {
  try {
    await request()
  } catch (error) {
    if (!isDuplicate(error)) throw error
  }
}

/** The body of the answer. */
export function call<T>(client: BigQuery, request: Parameters<BigQuery['request']>[0]): Promise<T> {
  return new Promise((resolve, reject) => {
    client.request(request, (error, body) => (error ? reject(error) : resolve(body as T)))
  })
}
