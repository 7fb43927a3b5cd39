/** The run's own folder for landed documents and spilled data. */

import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { printable, usageError } from '../errors.js'
import { scratchFolder } from '../scratch.js'

/** @throws AuditError, exit code 2, when no folder can be made there */
export async function openSpool(parent = tmpdir()): Promise<{ folder: string; remove: () => Promise<void> }> {
  try {
    const folder = await scratchFolder(parent)
    return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
    throw usageError(
      `spool folder ${printable(parent)}: ${code}`,
      'Name a folder that exists and may be written to with --spool.',
    )
  }
}
