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
const EXPORT = 'export:'

/** Whether an address is that of an archive, of which every reading is loaded each time. */
export const isArchive = (address: string): boolean => address.startsWith(ARCHIVE)

/**
 * @returns one source, or for an archive each of those whose documents it holds
 * @throws AuditError, exit code 2, when no source has this kind of address, or the source lacks a setting
 */
export async function openSources(address: string, options: SourceOptions): Promise<readonly Source[]> {
  if (address.startsWith(EXPORT)) return [await openExports(address.slice(EXPORT.length), options)]
  if (!isArchive(address)) return [await openSource(address, options)]
  const { openPlace } = await import('../archive/archive.js')
  const { archiveSources } = await import('../archive/source.js')
  return archiveSources(await openPlace(address.slice(ARCHIVE.length)), options)
}

/**
 * What lies at the address must be named as an export, because a row says itself which document it came from: somebody who may
 * only write to a log's bucket must not pass for the API.
 */
async function openExports(address: string, options: SourceOptions): Promise<Source> {
  if (address === '' || isApi(address) || isArchive(address) || address.startsWith(EXPORT)) {
    throw usageError(
      'an export is a file, a folder, a glob, a bucket, or - for standard input',
      'Name one after export:.',
    )
  }
  const { exportSource } = await import('./exports.js')
  return exportSource(await openSource(address, options, true))
}

async function openSource(address: string, options: SourceOptions, asItIs = false): Promise<Source> {
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
    // W&B's own folder is expected unless the prefix ends so.
    const exact = asItIs && !prefix.endsWith('*') ? `${prefix}*` : prefix
    return bucketSource({ store, prefix: exact, concurrency: options.concurrency })
  }
  const { fileSource, stdinSource } = await import('./files.js')
  if (address === '-') return stdinSource(process.stdin)
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(address)) return fileSource(address, options.followLinks)
  throw usageError(
    `no source has an address like ${withoutLogin(address)}`,
    'Sources: https://HOST (the W&B API), s3://, gs:// or az:// (a bucket), a file, a folder, a glob, - for standard input, archive: and the address of an archive, or export: and where exports of a sink are.',
  )
}
