/** Opens sources by address. A vendor's client loads only when its source is used. */

import { withoutLogin } from '../address.js'
import type { Source } from '../contract.js'
import { usageError } from '../errors.js'
import { isStore } from '../stores/index.js'

export interface SourceOptions {
  readonly username: string | undefined
  readonly anonymize: boolean
  readonly dialect: 'classic' | 'between' | 'current' | 'multi-tenant' | undefined
  readonly insecureHttp: boolean
  /** How late an event may become known and still be found, in milliseconds. */
  readonly overlapMs: number
  /** How many objects of a bucket are read concurrently. */
  readonly concurrency: number
  /** Whether links in a folder may lead out of it. */
  readonly followLinks: boolean
  readonly signal: AbortSignal
  /** Called with something the operator should fix, although the run goes on; never contains a value of a record. */
  onWarning(text: string): void
}

const isApi = (address: string): boolean => /^https?:\/\//i.test(address)

const ARCHIVE = 'archive:'

/** Whether an address is that of an archive, of which every reading is loaded each time. */
export const isArchive = (address: string): boolean => address.startsWith(ARCHIVE)

/**
 * @returns one source, or for an archive each of those whose documents it holds
 * @throws AuditError, exit code 2, when no source has this kind of address, or the source lacks a setting
 */
export async function openSources(address: string, options: SourceOptions): Promise<readonly Source[]> {
  if (!isArchive(address)) return [await openSource(address, options)]
  const { openPlace } = await import('../archive/archive.js')
  const { archiveSources } = await import('../archive/source.js')
  return archiveSources(await openPlace(address.slice(ARCHIVE.length)), options)
}

async function openSource(address: string, options: SourceOptions): Promise<Source> {
  if (isApi(address)) {
    const { apiSource } = await import('./api/source.js')
    const { credentials } = await import('./api/credentials.js')
    const login = await credentials(address, { ...options, env: process.env })
    return apiSource({ ...options, baseUrl: address, credentials: login })
  }
  if (isStore(address)) {
    const { openStore } = await import('../stores/index.js')
    const { bucketSource } = await import('./bucket/source.js')
    const { store, prefix } = await openStore(address)
    return bucketSource({ store, prefix, concurrency: options.concurrency })
  }
  const { fileSource, stdinSource } = await import('./files.js')
  if (address === '-') return stdinSource(process.stdin)
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(address)) return fileSource(address, options.followLinks)
  throw usageError(
    `no source has an address like ${withoutLogin(address)}`,
    'Sources: https://HOST (the W&B API), s3://, gs:// or az:// (a bucket), a file, a folder, a glob, - for standard input, or archive: and the address of an archive.',
  )
}
