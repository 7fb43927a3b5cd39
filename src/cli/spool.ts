/** The run's own folder for landed documents and spilled data. */

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { printable, usageError } from '../errors.js'

const PREFIX = `wandb-audit-${hostname().replace(/[^A-Za-z0-9.-]/g, '_')}-`

/** Makes a folder only its owner may enter, and removes those that killed runs on this host left behind. */
export async function openSpool(parent = tmpdir()): Promise<{ folder: string; remove: () => Promise<void> }> {
  try {
    await removeAbandoned(parent)
    const folder = await mkdtemp(join(parent, `${PREFIX}${process.pid}-`))
    return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
    throw usageError(
      `spool folder ${printable(parent)}: ${code}`,
      'Name a folder that exists and may be written to with --spool.',
    )
  }
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
