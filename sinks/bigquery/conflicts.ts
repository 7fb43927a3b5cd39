/** Waiting for another load: BigQuery does not queue a transaction that is in the way of another, but aborts it. */

import { setTimeout as delay } from 'node:timers/promises'

/** Time as it passes; a test has its own. In milliseconds. */
export interface Clock {
  now(): number
  /** Returns early when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const CLOCK: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
}

/** How long to pause before the next attempt, at first and at most. */
export interface Pauses {
  readonly firstMs: number
  readonly mostMs: number
}

/**
 * Waits longer from time to time, each time a random part less, so that two loads do not meet again and again.
 *
 * @param limitMs from now on
 * @returns a function that waits once; false when the limit is over
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
