/** Handles every signal that ends the process, in one place. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../log.js'
import { removeAllScratch } from '../scratch.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof SIGNALS)[number]

/** How long undoing may take; supervisors that send SIGTERM do not wait much longer. */
const GRACE_MS = 10_000

/** Sent by a parent to its child on a second signal. */
export const AT_ONCE = 'SIGUSR2'
/** How long the parent waits for the child then. */
const LEAVE_MS = 1000

const stop = new AbortController()

/** Aborted by a signal that arrives during `undoing`. */
export const stopped: AbortSignal = stop.signal

interface Undoer {
  readonly logger: Pick<Logger, 'warn'>
  /** Ends other processes when there is no time to undo; resolves when they are gone. */
  atOnce?(): Promise<unknown>
}

/** Set while there is something to undo. */
let undoer: Undoer | undefined
let installed = false

/** Ends the process at once on a signal, unless there is work to undo. */
export function endOnSignals(): void {
  if (installed) return
  installed = true
  for (const name of SIGNALS) process.on(name, () => receive(name))
  process.on('exit', removeAllScratch)
  // A closed terminal accepts no more output, which must not prevent the undoing.
  process.stderr.on('error', () => {})
}

/**
 * For a worker process: it ends when its parent closes the channel between them, on purpose or by dying. A terminal sends
 * its signals to both processes, and only the parent reacts to them.
 */
export function endWithParent(): void {
  if (installed) return
  installed = true
  for (const name of SIGNALS) process.on(name, () => {})
  process.on(AT_ONCE, () => end('SIGKILL'))
  process.once('disconnect', () => receive('SIGTERM'))
  process.on('exit', removeAllScratch)
  // The reader of the output may be gone, too.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/**
 * On a first signal, `work`, which watches `stopped`, undoes what is not committed; a second signal ends the process at once.
 *
 * @param atOnce ends other processes without waiting
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
  undoer.logger.warn('interrupted: undoing what is not committed; interrupt again to stop at once')
  stop.abort()
  setTimeout(() => end(name), GRACE_MS).unref()
}

/** Ends by the signal itself: `process.exit` waits for threads, and the engine may run one statement for hours. */
function end(name: NodeJS.Signals): void {
  const leaving = undoer?.atOnce?.()
  // The line may still show half a progress bar.
  if (leaving !== undefined && process.stderr.isTTY) process.stderr.write('\n')
  const kill = (): void => {
    removeAllScratch()
    process.removeAllListeners(name)
    process.kill(process.pid, name)
  }
  if (leaving === undefined) kill()
  else void Promise.race([leaving.catch(() => {}), sleep(LEAVE_MS)]).then(kill)
}
