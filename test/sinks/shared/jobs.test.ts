import { describe, expect, it } from 'vitest'
import { type Job, type Outcome, runToEnd } from '../../../sinks/shared/jobs.js'
import { AuditError } from '../../../src/errors.js'
import { never } from '../../support/load.js'

const TIMING = { pollMs: 1, limitMs: 60_000, cancelMs: 0 }
const DONE: Outcome<string> = { done: 'all of it' }
const FAILED: Outcome<string> = { failed: new AuditError('nothing of it') }

interface Script {
  readonly submitted?: Outcome<string>
  /** What each look finds; the last one is found again and again. */
  readonly looks?: readonly (Outcome<string> | null)[]
  /** What looks find once it was cancelled; null where the service cannot be asked. */
  readonly cancelled?: readonly (Outcome<string> | null)[] | null
  onLook?(): void
}

/** A job of a service that does as it is told, and what was asked of it. */
function scripted({ submitted, looks = [null], cancelled = [FAILED], onLook }: Script) {
  const asked: string[] = []
  let left = [...looks]
  const job: Job<string> = {
    async submit() {
      asked.push('submit')
      return submitted ?? null
    },
    async look() {
      asked.push('look')
      onLook?.()
      return (left.length > 1 ? left.shift() : left[0]) ?? null
    },
    async cancel() {
      asked.push('cancel')
      if (cancelled === null) return false
      left = [...cancelled]
      return true
    },
  }
  return { job, asked }
}

describe('a job', () => {
  it.each([DONE, FAILED])('that has ended when it is submitted is not looked at: %o', async (submitted) => {
    const { job, asked } = scripted({ submitted })
    expect(await runToEnd(job, TIMING, never)).toBe(submitted)
    expect(asked).toEqual(['submit'])
  })

  it.each([DONE, FAILED])('is looked at until it has ended: %o', async (end) => {
    const { job, asked } = scripted({ looks: [null, null, end] })
    expect(await runToEnd(job, TIMING, never)).toBe(end)
    expect(asked).toEqual(['submit', 'look', 'look', 'look'])
  })

  it.each([
    ['the work is to stop', TIMING],
    ['it has run for too long', { ...TIMING, limitMs: 0 }],
  ])('is cancelled when %s', async (_why, timing) => {
    const controller = new AbortController()
    const { job, asked } = scripted({ onLook: () => timing === TIMING && controller.abort() })
    expect(await runToEnd(job, timing, controller.signal)).toEqual({ cancelled: true })
    expect(asked).toEqual(['submit', 'look', 'cancel', 'look'])
  })

  it('that was faster than its cancelling is done', async () => {
    const { job } = scripted({ cancelled: [DONE] })
    expect(await runToEnd(job, { ...TIMING, limitMs: 0 }, never)).toBe(DONE)
  })

  it.each([
    ['whose service cannot be asked to end it', null],
    ['that does not end when it is cancelled', [null]],
  ])('%s may be running still', async (_which, cancelled) => {
    const { job } = scripted({ cancelled })
    expect(await runToEnd(job, { ...TIMING, limitMs: 0 }, never)).toEqual({ cancelled: false })
  })
})
