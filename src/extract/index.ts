/** Source addresses to sources. A vendor's client loads only when its source is used. */

import type { Source } from '../contract.js'
import { printable, usageError } from '../errors.js'

/** @throws AuditError, exit code 2, when no source has such an address */
export async function openSource(address: string): Promise<Source> {
  const { fileSource, stdinSource } = await import('./files.js')
  if (address === '-') return stdinSource(process.stdin)
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(address)?.[1]
  if (scheme === undefined) return fileSource(address)
  throw usageError(
    `no source has an address like ${printable(address)}`,
    'Sources so far: a file, a folder, a glob, or - for standard input.',
  )
}
