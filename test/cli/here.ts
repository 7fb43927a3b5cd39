/** Runs commands in this process: a second of starting the program is saved each time. What a process is for needs one (support.ts). */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { runCommand } from '../../src/cli/commands.js'
import { main, reporting } from '../../src/cli/main.js'
import { newFolder } from '../support/load.js'

export interface Options {
  /** The working folder, which is HOME too. A fresh one when absent. */
  readonly cwd?: string
  /** Beside PATH, HOME, TMPDIR and that no login of this machine is looked for, which is all there is otherwise. */
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
  /** Of stdout; UTF-8 when absent. */
  readonly encoding?: BufferEncoding
}

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** All that a run finds in its environment; makes its folder for temporary files. */
export function environmentOf(cwd: string, env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const tmp = tmpOf(cwd)
  mkdirSync(tmp, { recursive: true })
  return { PATH: process.env.PATH, HOME: cwd, TMPDIR: tmp, METADATA_SERVER_DETECTION: 'none', ...env }
}

export const tmpOf = (cwd: string): string => join(cwd, '.tmp')

let busy = false

/** The command line as the process that works runs it, with its own streams, working folder, environment and exit code. */
export async function run(args: readonly string[], options: Options = {}): Promise<Result> {
  if (busy) throw new Error('a process has one working folder: run commands side by side as processes')
  busy = true
  const { cwd = newFolder(), env = {}, stdin = '', encoding = 'utf8' } = options
  const stdout = collector()
  const stderr = collector()
  const before = { cwd: process.cwd(), env: { ...process.env }, umask: process.umask() }
  const streams = ['stdin', 'stdout', 'stderr'] as const
  const descriptors = streams.map((name) => Object.getOwnPropertyDescriptor(process, name) ?? {})
  const replacements = [Readable.from([Buffer.from(stdin)]), stdout.stream, stderr.stream]
  for (const [i, name] of streams.entries())
    Object.defineProperty(process, name, { value: replacements[i], configurable: true })
  setEnvironment(environmentOf(cwd, env))
  process.chdir(cwd)
  process.exitCode = undefined
  try {
    await reporting(() => runCommand(['node', 'wandb-audit', ...args], { main }))
    return { code: Number(process.exitCode ?? 0), stdout: stdout.text(encoding), stderr: stderr.text('utf8') }
  } finally {
    process.exitCode = undefined
    process.umask(before.umask)
    process.chdir(before.cwd)
    setEnvironment(before.env)
    for (const [i, name] of streams.entries()) Object.defineProperty(process, name, descriptors[i] ?? {})
    busy = false
  }
}

function collector(): { readonly stream: Writable; text(encoding: BufferEncoding): string } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk))
      done()
    },
  })
  return { stream, text: (encoding) => Buffer.concat(chunks).toString(encoding) }
}

/** Of libraries in native code too, so each variable by itself. */
function setEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  for (const name of Object.keys(process.env)) if (env[name] === undefined) delete process.env[name]
  for (const [name, value] of Object.entries(env)) if (value !== undefined) process.env[name] = value
}
