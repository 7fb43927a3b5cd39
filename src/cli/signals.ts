/** Signals that end the process: all of them are handled here, so that one always does. */

import type { Logger } from '../log.js'
import { removeAllScratch } from '../scratch.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof SIGNALS)[number]

/** How long undoing may take; what asks a process to end does not wait much longer. */
const GRACE_MS = 10_000

const stop = new AbortController()

/** Aborted when a signal came while `undoing` was at work. */
export const stopped: AbortSignal = stop.signal

/** Set while there is something to undo. */
let undoer: Pick<Logger, 'warn'> | undefined
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

/** Lets `work`, which looks at `stopped`, undo what is not committed when a first signal comes; a second one ends it at once. */
export async function undoing<T>(logger: Pick<Logger, 'warn'>, work: () => Promise<T>): Promise<T> {
  undoer = logger
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
  undoer.warn('interrupted: undoing what is not committed; once more to stop at once')
  stop.abort()
  setTimeout(() => end(name), GRACE_MS).unref()
}

/** By the signal itself: `process.exit` waits for threads, and the engine may be at one statement for hours. */
function end(name: Signal): void {
  removeAllScratch()
  process.removeAllListeners(name)
  process.kill(process.pid, name)
}
