/** `load --every`: repeats a run on a schedule, never two at once. */

import { Cron } from 'croner'
import { EXIT, type ExitCode } from '../errors.js'

/**
 * Runs now, and then `everyMs` after each start. A run that is due while another is still going waits for its end. A failed
 * run has reported its errors, and the next one continues where it stopped.
 *
 * Returns when the signal is aborted: `done` between runs, otherwise the exit code of the current run. Also returns when the
 * first run reports wrong usage or settings, which waiting would not fix.
 */
export async function repeatEvery(
  everyMs: number,
  run: () => Promise<ExitCode>,
  signal: AbortSignal,
): Promise<ExitCode> {
  const started = Date.now()
  const first = await run()
  if (signal.aborted || first === EXIT.usage) return first
  return new Promise((resolve, reject) => {
    const job = new Cron(
      '* * * * * *',
      { interval: Math.max(1, Math.round(everyMs / 1000)), startAt: new Date(started + everyMs), protect: true },
      async () => {
        try {
          const code = await run()
          if (signal.aborted) end(code)
        } catch (error) {
          job.stop()
          reject(error)
        }
      },
    )
    const end = (code: ExitCode): void => {
      job.stop()
      resolve(code)
    }
    const stop = (): void => {
      if (!job.isBusy()) end(EXIT.done)
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
