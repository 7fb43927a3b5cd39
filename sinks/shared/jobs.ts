/** Jobs that a service runs on its own: submitted, polled to their end, and cancelled if the work has to stop. */

import { setTimeout as delay } from 'node:timers/promises'
import type { AuditError } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'

/** The end of a job: either all of it is done, or nothing. */
export type Outcome<Done> = { readonly done: Done } | { readonly failed: AuditError }

/** The job was told to stop: true if none of it is done, false if it may still be running. */
export interface Stopped {
  readonly cancelled: boolean
}

/** A job as its service sees it. The outcome is null until it ends. */
export interface Job<Done> {
  /** Submits the job, or finds the one submitted before. */
  submit(): Promise<Outcome<Done> | null>
  /** May wait for the job's end, but not after the signal is aborted. */
  look(signal: AbortSignal): Promise<Outcome<Done> | null>
  /** @returns false when the request to cancel did not reach the service */
  cancel(): Promise<boolean>
}

/** In milliseconds. */
export interface JobTiming {
  /** The first pause between two polls. Each later one is half as long again, up to fifty times the first. */
  readonly pollMs: number
  /** How long a job may run. */
  readonly limitMs: number
  /** How long a cancelled job may take to end. */
  readonly cancelMs: number
}

/** Runs a job to its end. If the signal is aborted or the limit is reached, cancels it; it may have finished by then. */
export async function runToEnd<Done>(
  job: Job<Done>,
  timing: JobTiming,
  signal: AbortSignal,
): Promise<Outcome<Done> | Stopped> {
  const outcome = (await job.submit()) ?? (await poll(job, timing, timing.limitMs, signal))
  if (outcome !== null) return outcome
  const late = (await job.cancel()) ? await poll(job, timing, timing.cancelMs, NEVER_ABORTED) : null
  return late !== null && 'done' in late ? late : { cancelled: late !== null }
}

/** Null if the job still runs after that time, or the signal is aborted. */
async function poll<Done>(
  job: Job<Done>,
  { pollMs }: JobTiming,
  limitMs: number,
  signal: AbortSignal,
): Promise<Outcome<Done> | null> {
  const until = performance.now() + limitMs
  for (let pause = pollMs; ; pause = Math.min(pause * 1.5, pollMs * 50)) {
    const outcome = await job.look(signal)
    if (outcome !== null || signal.aborted || performance.now() >= until) return outcome
    await delay(pause, undefined, { signal }).catch(() => {})
  }
}
