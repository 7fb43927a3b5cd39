/** Jobs that a service runs by itself: submitted, polled to their end, cancelled when the work is to stop. */

import { setTimeout as delay } from 'node:timers/promises'
import type { AuditError } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'

/** What a job has come to: all of it is done, or nothing. */
export type Outcome<Done> = { readonly done: Done } | { readonly failed: AuditError }

/** It was to stop: true when nothing of it is done, false when it may be running still. */
export interface Stopped {
  readonly cancelled: boolean
}

/** A job as its service knows it. An outcome is null while there is none. */
export interface Job<Done> {
  /** Asks for the job, or finds the one that was asked for before. */
  submit(): Promise<Outcome<Done> | null>
  /** May wait for the job's end, but no longer than until the signal is aborted. */
  look(signal: AbortSignal): Promise<Outcome<Done> | null>
  /** @returns false when the service could not be asked to end the job */
  cancel(): Promise<boolean>
}

/** All in milliseconds. */
export interface JobTiming {
  /** The first pause between two looks; each later one is half as long again, up to fifty times this. */
  readonly pollMs: number
  /** How long a job may run. */
  readonly limitMs: number
  /** How long a cancelled job may take to end. */
  readonly cancelMs: number
}

/** Runs a job to its end. When the signal is aborted or the limit is over, the job is cancelled; it may be done by then. */
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

/** Null when the job still runs after so long, or the signal is aborted. */
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
