/** Runs checks one after another: none stops the others, and each has a time limit. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Check } from '../contract.js'
import { asAuditError, interrupted } from '../errors.js'
import { LeftBehind } from '../stores/probe.js'

/** Checks of one thing: this machine, a source, a sink, the archive. */
export interface Subject {
  /** `source s3://bucket` */
  readonly name: string
  readonly checks: readonly Check[]
  close?(): Promise<unknown>
}

export interface Result {
  readonly subject: string
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failure'
  readonly message: string
  readonly cure: string | null
}

/** Longer than a client retries a server that is down, so that the reason is heard. */
const LIMIT_MS = 90_000
/** For the removal of what a probe has made. */
const GRACE_MS = 8_000

/**
 * @throws AuditError, exit code 130, when the signal is aborted; what probes have made is removed before
 */
export async function* examined(
  subjects: AsyncIterable<Subject>,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): AsyncGenerator<Result> {
  for await (const { name, checks, close } of subjects) {
    try {
      for (const check of checks) yield { subject: name, ...(await resultOf(check, signal, limitMs)) }
    } finally {
      // A place that does not answer may not close cleanly either.
      await close?.().catch(() => {})
    }
  }
}

async function resultOf({ name, run }: Check, signal: AbortSignal, limitMs: number): Promise<Omit<Result, 'subject'>> {
  if (signal.aborted) throw interrupted()
  const over = new AbortController()
  const work = run(AbortSignal.any([signal, over.signal])).then(
    (found) => ({ found }),
    (error: unknown) => ({ error }),
  )
  const timer = setTimeout(() => over.abort(), limitMs)
  const outcome = await Promise.race([work, aborted(AbortSignal.any([signal, over.signal]))])
  clearTimeout(timer)
  // What was begun is undone by the check itself.
  const late = outcome ?? (await Promise.race([work, sleep(GRACE_MS, undefined, { ref: false })]))
  const left = late !== undefined && 'error' in late && late.error instanceof LeftBehind ? late.error.left : null
  if (signal.aborted) throw left === null ? interrupted() : new LeftBehind(interrupted(), left)
  if (outcome === null)
    return {
      ...{
        check: name,
        state: 'failure',
        message: `there was no answer within ${limitMs / 1000} s${left === null ? '' : `; ${left}`}`,
      },
      cure: 'Check network, proxy and firewall.',
    }
  if ('error' in outcome) return failed(name, outcome.error)
  const { found } = outcome
  if (typeof found === 'string') return { check: name, state: 'ok', message: found, cure: null }
  return { check: name, state: 'warning', message: found.warning, cure: found.cure }
}

const aborted = (signal: AbortSignal): Promise<null> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    signal.addEventListener('abort', () => resolve(null), { once: true })
  })

function failed(check: string, error: unknown): Omit<Result, 'subject'> {
  const { message, advice = null } = asAuditError(error)
  return { check, state: 'failure', message, cure: advice }
}

/** A subject that could not be opened. @param check what was tried */
export const unopened = (name: string, error: unknown, check = 'open'): Subject => ({
  name,
  checks: [
    {
      name: check,
      async run() {
        throw error
      },
    },
  ],
})
