/** `load --every`: the same run again and again in one process, never two at once. */

import { Cron } from 'croner'
import { AuditError, EXIT, type ExitCode } from '../errors.js'
import type { Session } from './session.js'

/**
 * Runs now and then `everyMs` after each start; what falls due while a run is still going waits for its end. A failed
 * run is logged, and the next one goes on where it stopped.
 *
 * Ends when the signal is aborted: with done between two runs, with interrupted within one.
 *
 * @throws AuditError when the first run finds wrong usage or settings: waiting would not mend that
 */
export async function repeatEvery(
  everyMs: number,
  run: () => Promise<ExitCode>,
  { signal, logger }: Session,
): Promise<ExitCode> {
  const started = Date.now()
  await run().catch((error: unknown) => {
    if (signal.aborted || (error instanceof AuditError && error.exitCode === EXIT.usage)) throw error
    logger.error({ err: error })
  })
  return new Promise((resolve) => {
    const job = new Cron(
      '* * * * * *',
      { interval: Math.max(1, Math.round(everyMs / 1000)), startAt: new Date(started + everyMs), protect: true },
      async () => {
        try {
          await run()
        } catch (error) {
          if (signal.aborted) return end(EXIT.interrupted)
          logger.error({ err: error })
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
