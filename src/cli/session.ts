/** What every command needs: settings, a log, progress, and a signal that Ctrl-C aborts. */

import { type ResolvedSettings, resolveSettings } from '../config/settings.js'
import type { Sink } from '../contract.js'
import { EXIT } from '../errors.js'
import { createLogger, type Logger } from '../log.js'
import { createProgress, type Progress } from '../progress.js'
import { asSettings, type CommonFlags } from './options.js'

/** A DuckDB file is held for seconds by a load, for hours by a shell left open. */
const LOCK_WAIT_MS = 60_000

export interface Session {
  readonly settings: ResolvedSettings
  readonly logger: Logger
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** @param stop of a process that is told when to stop by another one, in place of the system's signals */
export async function openSession(flags: CommonFlags, stop?: AbortSignal): Promise<Session> {
  const settings = resolveSettings(asSettings(flags), process.env, flags.config)
  const quiet = settings.quiet ?? false
  let progress: Progress | undefined
  const logger = await createLogger({
    format: settings.log_format ?? 'text',
    quiet,
    destination: {
      isTTY: process.stderr.isTTY,
      write: (line) => (progress === undefined ? process.stderr.write(line) : progress.write(line)),
    },
  })
  progress = createProgress({ stream: process.stderr, quiet, logger })
  return { settings, logger, progress, signal: stop === undefined ? interruptSignal(logger) : told(stop, logger) }
}

let interruption: AbortController | undefined

/** The first Ctrl-C (or SIGTERM) stops cleanly; the second at once. One signal serves the whole process. */
function interruptSignal(logger: Logger): AbortSignal {
  if (interruption !== undefined) return interruption.signal
  const controller = new AbortController()
  interruption = controller
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted)
      controller.abort()
    })
  }
  return told(controller.signal, logger)
}

function told(signal: AbortSignal, logger: Logger): AbortSignal {
  const tell = (): void => logger.warn('interrupted: undoing what is not committed; once more to stop at once')
  signal.addEventListener('abort', tell, { once: true })
  return signal
}

export async function openSinks({ settings, logger, signal }: Session): Promise<Sink[]> {
  const { openSink } = await import('../../sinks/index.js')
  const context = { waitMs: LOCK_WAIT_MS, signal, onNotice: (text: string) => logger.info(text) }
  const sinks: Sink[] = []
  for (const address of new Set(settings.to)) sinks.push(await openSink(address, context))
  return sinks
}
