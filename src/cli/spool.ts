/** The run's own folder for landed documents and spilled data. */

import { printable, usageError } from '../errors.js'
import { removeScratch, scratchFolder } from '../scratch.js'

/** @throws AuditError, exit code 2, when the folder cannot be created */
export async function openSpool(parent?: string): Promise<{ folder: string; remove: () => void }> {
  try {
    const folder = await scratchFolder(parent)
    return { folder, remove: () => removeScratch(folder) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
    throw usageError(
      `spool folder ${printable(parent ?? 'for temporary files')}: ${code}`,
      'Choose an existing, writable folder with --spool.',
    )
  }
}
