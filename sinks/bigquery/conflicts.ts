/** Waits for another load: BigQuery aborts conflicting transactions instead of queueing them. */

import { setTimeout as delay } from 'node:timers/promises'

/** The clock, in milliseconds; tests replace it. */
export interface Clock {
  now(): number
  /** Returns early when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const CLOCK: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
}

/** The first and the longest pause between attempts. */
export interface Pauses {
  readonly firstMs: number
  readonly mostMs: number
}

/**
 * Exponential backoff with jitter, so that two loads do not keep colliding.
 *
 * @param limitMs counted from now
 * @returns a function that waits once; it returns false once the limit is over
 */
export function patience({ firstMs, mostMs }: Pauses, limitMs: number, clock: Clock) {
  const until = clock.now() + limitMs
  let next = firstMs
  return async (signal: AbortSignal): Promise<boolean> => {
    if (clock.now() >= until) return false
    const pause = next * (0.5 + Math.random() / 2)
    next = Math.min(next * 2, mostMs)
    await clock.wait(pause, signal)
    return true
  }
}
