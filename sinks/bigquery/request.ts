/** Requests through the client's own transport and login, with retries. */

import type { BigQuery } from '@google-cloud/bigquery'
import { retryingRequest } from '../../src/retry.js'
import type { JobTiming } from '../shared/jobs.js'
import type { Clock, Pauses } from './conflicts.js'
import { bigqueryError, isDuplicate, isNotFound } from './errors.js'

export interface Timing extends JobTiming {
  /** How often a request or a job is retried, and the pause before the first retry (ms); each later pause is three times as long. */
  readonly retries: number
  readonly pauseMs: number
  /** Pauses after a conflict with another load; a job is retried until `limitMs` is over. */
  readonly conflicts: Pauses
  readonly clock: Clock
}

export interface Requester {
  /** The sink's id. */
  readonly id: string
  readonly timing: Timing
}

/**
 * Sends a request, and retries temporary failures. The request must be idempotent.
 *
 * @param doing what is being done, for errors: `making the dataset`
 * @throws AuditError, no longer retryable; `interrupted` when the signal is aborted
 */
export function requesting<T>(
  { id, timing }: Requester,
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
  return retryingRequest(attempt, signal, timing)
}

/** The result of `request`; null when it finds nothing. */
export async function ifExists<T>(request: () => Promise<T>): Promise<T | null> {
  try {
    return await request()
  } catch (error) {
    if (isNotFound(error)) return null
    throw error
  }
}

/** Creates something unless it exists: another run may create it at the same time, or an earlier answer was lost. */
export async function unlessExists(request: () => Promise<unknown>): Promise<void> {
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
