/** The supervisor: runs a command's work in a worker process, and starts another one when that dies. */

import { fork } from 'node:child_process'
import { AuditError, EXIT, type ExitCode } from '../errors.js'
import type { Entry } from '../journal.js'
import { AT_ONCE, stopped, undoing } from './signals.js'
import type { Handover, Message } from './survivor.js'

/** A worker that dies before it has started on anything does so for a reason that no restart fixes. */
const MOST_IN_VAIN = 3

/**
 * @param program the module that runs the command's work; it gets this process's arguments
 * @throws AuditError when workers die before they do any work
 */
export async function supervise(program: URL, args: readonly string[]): Promise<ExitCode> {
  const kill = new AbortController()
  const turn = (onEvery: (ms: number) => void = () => {}): Promise<ExitCode> =>
    untilItEnds({ program, args, stop: stopped, kill: kill.signal, onEvery })
  const work = async (): Promise<ExitCode> => {
    let first: Promise<ExitCode> | undefined
    const everyMs = await new Promise<number | null>((resolve, reject) => {
      first = turn(resolve)
      first.then(() => resolve(null), reject)
    })
    if (everyMs === null) return (await first) ?? EXIT.failed
    const { repeatEvery } = await import('./every.js')
    const next = (): Promise<ExitCode> => {
      const running = first ?? turn()
      first = undefined
      return running
    }
    return await repeatEvery(everyMs, next, stopped)
  }
  // The worker logs that it was interrupted, so the supervisor does not.
  const running = { until: Promise.resolve<unknown>(undefined) }
  return undoing(
    { warn() {} },
    () => {
      const ending = work()
      running.until = ending
      return ending
    },
    () => {
      kill.abort()
      return running.until
    },
  )
}

interface Work {
  readonly program: URL
  readonly args: readonly string[]
  /** Asks the process to stop cleanly. */
  readonly stop: AbortSignal
  /** Kills the process at once. */
  readonly kill: AbortSignal
  onEvery(ms: number): void
}

/** Does one run, in as many workers as it takes. */
async function untilItEnds(work: Work): Promise<ExitCode> {
  const entries: Entry[] = []
  for (let inVain = 0; ; ) {
    const before = entries.length
    const end = await inProcess(work, entries)
    if ('code' in end) return end.code
    inVain = entries.length > before ? 0 : inVain + 1
    if (inVain === MOST_IN_VAIN) {
      throw new AuditError(`the worker process ended with ${end.died} before it did any work`, {
        advice:
          'Check that there is enough memory and that this installation fits the machine. What was loaded before stays loaded.',
      })
    }
    entries.push({ type: 'died', how: end.died })
  }
}

type End = { readonly code: ExitCode } | { readonly died: string }

/** Runs one worker, and adds the entries that it posts. */
function inProcess({ program, args, stop, kill, onEvery }: Work, entries: Entry[]): Promise<End> {
  return new Promise((resolve, reject) => {
    const child = fork(program, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
    let code: ExitCode | undefined
    let exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined
    const disconnect = (): void => {
      if (child.connected) child.disconnect()
    }
    const end = (): void => void child.kill(AT_ONCE)
    const settle = (): void => {
      // Its last messages may arrive after its exit.
      if (exit === undefined || child.connected) return
      stop.removeEventListener('abort', disconnect)
      kill.removeEventListener('abort', end)
      if (code !== undefined) resolve({ code })
      // After a disconnect no exit code arrives.
      else if (stop.aborted) resolve({ code: (exit.code ?? EXIT.interrupted) as ExitCode })
      else resolve({ died: exit.signal ?? `exit code ${exit.code}` })
    }
    stop.addEventListener('abort', disconnect, { once: true })
    kill.addEventListener('abort', end, { once: true })
    child.on('message', (message: Message) => {
      if ('entry' in message) entries.push(message.entry)
      else if ('everyMs' in message) onEvery(message.everyMs)
      else code = message.code
    })
    child.on('error', reject)
    child.on('disconnect', settle)
    child.on('exit', (exitCode, signal) => {
      exit = { code: exitCode, signal }
      settle()
    })
    const handover: Handover = { entries }
    child.send(handover, () => {}) // fails when the child is gone, which `exit` reports
    if (stop.aborted) disconnect()
  })
}
