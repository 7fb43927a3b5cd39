/** The process that survives: it runs a command's work in another one, and in a further one when that dies of it. */

import { fork } from 'node:child_process'
import { AuditError, EXIT, type ExitCode } from '../errors.js'
import type { Entry } from '../journal.js'
import { AT_ONCE, stopped, undoing } from './signals.js'
import type { Handover, Message } from './survivor.js'

/** A process that dies before it has anything in hand dies of something that no restart mends. */
const MOST_IN_VAIN = 3

/**
 * @param program the module that runs the command's work; its arguments are those of this process
 * @throws AuditError when the work cannot even begin
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
  // The process that works says that it is interrupted.
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
  /** Ends it at once. */
  readonly kill: AbortSignal
  onEvery(ms: number): void
}

/** One run, in as many processes as it takes. */
async function untilItEnds(work: Work): Promise<ExitCode> {
  const entries: Entry[] = []
  for (let inVain = 0; ; ) {
    const before = entries.length
    const end = await inProcess(work, entries)
    if ('code' in end) return end.code
    inVain = entries.length > before ? 0 : inVain + 1
    if (inVain === MOST_IN_VAIN) {
      throw new AuditError(`the process that does the work ended with ${end.died} before it did any`, {
        advice:
          'Is there memory enough, and is this an installation for this machine? What was loaded before stays loaded.',
      })
    }
    entries.push({ type: 'died', how: end.died })
  }
}

type End = { readonly code: ExitCode } | { readonly died: string }

/** Adds to the entries what the process tells. */
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
      // What it told may arrive behind the news of its end.
      if (exit === undefined || child.connected) return
      stop.removeEventListener('abort', disconnect)
      kill.removeEventListener('abort', end)
      if (code !== undefined) resolve({ code })
      // Once it is told to stop, nobody listens any more.
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
    child.send(handover, () => {}) // one that is gone already has ended
    if (stop.aborted) disconnect()
  })
}
