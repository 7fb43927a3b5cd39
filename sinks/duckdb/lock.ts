/** Only one process at a time can write to a DuckDB file. The others wait, then name the holder. */

import pRetry from 'p-retry'
import { AuditError, interrupted } from '../../src/errors.js'

export interface LockOptions {
  /** How long to wait for another process, in milliseconds. */
  readonly waitMs: number
  /** Called once, when waiting begins. */
  onWait(holder: string): void
  /** Stops waiting. */
  readonly signal?: AbortSignal
}

/** https://duckdb.org/docs/stable/connect/concurrency: "Conflicting lock is held in /usr/bin/node (PID 42)". */
const HELD = /Conflicting lock is held in (.*? ?\(PID \d+\)|PID \d+)/
const LOCKED = /Could not set lock on file/

/**
 * Retries `open` while another process holds the file.
 *
 * @throws AuditError naming the holder when the wait is over
 */
export async function whileUnlocked(
  sink: string,
  { waitMs, onWait, signal }: LockOptions,
  open: () => Promise<unknown>,
): Promise<void> {
  let reported = false
  try {
    await pRetry(open, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 50,
      maxTimeout: 1000,
      maxRetryTime: waitMs,
      randomize: true,
      ...(signal === undefined ? {} : { signal }),
      shouldRetry: ({ error }) => LOCKED.test(error.message),
      onFailedAttempt: ({ error }) => {
        if (reported || !LOCKED.test(error.message)) return
        reported = true
        onWait(holderOf(error.message))
      },
    })
  } catch (error) {
    if (signal?.aborted) throw interrupted()
    if (!(error instanceof Error) || !LOCKED.test(error.message)) throw error
    throw new AuditError(
      `${sink} is still held by ${holderOf(error.message)} after ${Math.round(waitMs / 1000)} s; nothing is loaded`,
      {
        advice: 'Close it there (a DuckDB shell or notebook holds the file as long as it is open), then run again.',
        retryable: true,
      },
    )
  }
}

const turns = new Map<string, Promise<unknown>>()

/** File locks only exclude other processes. Within this one, two connections would corrupt the file, so they take turns. */
export function inTurn<T>(file: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(file) ?? Promise.resolve()).then(work, work)
  turns.set(file, turn)
  return turn
}

const holderOf = (message: string): string => HELD.exec(message)?.[1] ?? 'another process'
