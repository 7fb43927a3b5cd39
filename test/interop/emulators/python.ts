/** Servers of the Python environment that `make interop` makes. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Emulator {
  readonly url: string
  close(): Promise<void>
}

/** Fails with what it wrote where it does not start. */
export async function startEmulator(name: string): Promise<Emulator> {
  const folder = join(import.meta.dirname, '..')
  const child = spawn(join(folder, '.venv/bin/python'), [join(folder, 'emulators/serve.py'), name], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
  const ended = once(child, 'exit')
  let written = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written = (written + text).slice(-4000)
  })
  for await (const url of createInterface(child.stdout)) {
    if (!url.startsWith('http://')) continue
    child.stdout.resume()
    return {
      url,
      async close() {
        child.stdin.end()
        child.kill()
        await ended
      },
    }
  }
  await ended
  throw new Error(`${name} ended before it listened: ${written}`)
}
