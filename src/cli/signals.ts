/** Signals that end the process: all of them are handled here, so that one always does. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../log.js'
import { removeAllScratch } from '../scratch.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof SIGNALS)[number]

/** How long undoing may take; what asks a process to end does not wait much longer. */
const GRACE_MS = 10_000

/** From a parent to its child, for what a second signal means. */
export const AT_ONCE = 'SIGUSR2'
/** How long a parent waits then. */
const LEAVE_MS = 1000

const stop = new AbortController()

/** Aborted when a signal came while `undoing` was at work. */
export const stopped: AbortSignal = stop.signal

interface Undoer {
  readonly logger: Pick<Logger, 'warn'>
  /** Ends what else is running when there is no time to undo; resolves when that is gone. */
  atOnce?(): Promise<unknown>
}

/** Set while there is something to undo. */
let undoer: Undoer | undefined
let installed = false

/** A process that does nothing that has to be undone ends at once. */
export function endOnSignals(): void {
  if (installed) return
  installed = true
  for (const name of SIGNALS) process.on(name, () => receive(name))
  process.on('exit', removeAllScratch)
  // A terminal that was closed takes no more lines; that must not keep what is to be undone from being undone.
  process.stderr.on('error', () => {})
}

/**
 * Of a process that another one started to do its work: it ends when that one says so or is gone, by closing the channel
 * between them. A terminal sends its signals to both, and one of them answers.
 */
export function endWithParent(): void {
  if (installed) return
  installed = true
  for (const name of SIGNALS) process.on(name, () => {})
  process.on(AT_ONCE, () => end('SIGKILL'))
  process.once('disconnect', () => receive('SIGTERM'))
  process.on('exit', removeAllScratch)
  // Whoever read the output may be gone too.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/**
 * Lets `work`, which looks at `stopped`, undo what is not committed when a first signal comes; a second one ends it at once.
 *
 * @param atOnce ends what else is running, without waiting
 */
export async function undoing<T>(
  logger: Pick<Logger, 'warn'>,
  work: () => Promise<T>,
  atOnce?: () => Promise<unknown>,
): Promise<T> {
  undoer = { logger, ...(atOnce === undefined ? {} : { atOnce }) }
  try {
    return await work()
  } finally {
    undoer = undefined
  }
}

function receive(name: Signal): void {
  if (undoer === undefined || stopped.aborted) {
    end(name)
    return
  }
  undoer.logger.warn('interrupted: undoing what is not committed; once more to stop at once')
  stop.abort()
  setTimeout(() => end(name), GRACE_MS).unref()
}

/** By the signal itself: `process.exit` waits for threads, and the engine may be at one statement for hours. */
function end(name: NodeJS.Signals): void {
  const leaving = undoer?.atOnce?.()
  const kill = (): void => {
    removeAllScratch()
    process.removeAllListeners(name)
    process.kill(process.pid, name)
  }
  if (leaving === undefined) kill()
  else void Promise.race([leaving.catch(() => {}), sleep(LEAVE_MS)]).then(kill)
}
