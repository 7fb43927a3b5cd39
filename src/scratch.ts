/** Temporary folders: for their owner only, and gone with the process or, where that was killed, with the next one. */

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = `wandb-audit-${hostname().replace(/[^A-Za-z0-9.-]/g, '_')}-`

/** Makes a folder only its owner may enter, and removes those that killed processes of this host left beside it. */
export async function scratchFolder(parent = tmpdir()): Promise<string> {
  await removeAbandoned(parent)
  return mkdtemp(join(parent, `${PREFIX}${process.pid}-`))
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : Number.NaN
    if (Number.isInteger(pid) && !isRunning(pid)) await rm(join(parent, name), { recursive: true, force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
