/** One process at a time may hold a DuckDB file for writing; the others wait, then say who holds it. */

import pRetry from 'p-retry'
import { AuditError, interrupted } from '../../src/errors.js'

export interface LockOptions {
  /** How long to wait for another process, in milliseconds. */
  readonly waitMs: number
  /** Told once, when the waiting begins. */
  onWait(holder: string): void
  /** Ends the waiting. */
  readonly signal?: AbortSignal
}

/** https://duckdb.org/docs/stable/connect/concurrency: "Conflicting lock is held in /usr/bin/node (PID 42)". */
const HELD = /Conflicting lock is held in (.*? ?\(PID \d+\)|PID \d+)/
const LOCKED = /Could not set lock on file/

/**
 * Runs `open` until no other process holds the file.
 *
 * @throws AuditError naming the holder when it is held for longer than the wait
 */
export async function whileUnlocked(
  sink: string,
  { waitMs, onWait, signal }: LockOptions,
  open: () => Promise<unknown>,
): Promise<void> {
  let told = false
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
        if (told || !LOCKED.test(error.message)) return
        told = true
        onWait(holderOf(error.message))
      },
    })
  } catch (error) {
    if (signal?.aborted) throw interrupted()
    if (!(error instanceof Error) || !LOCKED.test(error.message)) throw error
    throw new AuditError(
      `${sink} is held by ${holderOf(error.message)}, still after ${Math.round(waitMs / 1000)} s; nothing is loaded`,
      {
        advice: 'Close it there (a DuckDB shell or notebook holds the file as long as it is open), then run again.',
        retryable: true,
      },
    )
  }
}

const turns = new Map<string, Promise<unknown>>()

/** The system's locks hold off other processes only: within this one, two at a file would spoil it, so they take turns. */
export function inTurn<T>(file: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(file) ?? Promise.resolve()).then(work, work)
  turns.set(file, turn)
  return turn
}

const holderOf = (message: string): string => HELD.exec(message)?.[1] ?? 'another process'
