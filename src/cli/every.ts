/** `load --every`: the same run again and again, never two at once. */

import { Cron } from 'croner'
import { EXIT, type ExitCode } from '../errors.js'

/**
 * Runs now and then `everyMs` after each start; what falls due while a run is still going waits for its end. A run that failed
 * has said so, and the next one goes on where it stopped.
 *
 * Ends when the signal is aborted: with done between two runs, with what the run ended with within one; and when the first run
 * finds wrong usage or settings, which waiting would not mend.
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
