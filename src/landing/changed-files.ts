/** Lands documents again whose files changed while the transform read them in place. */

import { rm, writeFile } from 'node:fs/promises'
import { AuditError, EXIT } from '../errors.js'
import type { BatchingOptions, SpoolFile } from './batches.js'
import { changedSince, type Landed, land } from './landing.js'

type Relanding = Pick<BatchingOptions, 'signal' | 'limits' | 'originals' | 'onGone' | 'onFailed'>

/**
 * Returns the same array when no file has changed. A changed document is landed again, as a copy. One that is gone or
 * cannot be landed leaves an empty file and is reported through `onGone` or `onFailed`.
 */
export async function relandChanged(files: readonly SpoolFile[], options: Relanding): Promise<readonly SpoolFile[]> {
  let anyChanged = false
  const current = []
  for (const file of files) {
    const [landed] = file.documents
    const isChanged = landed !== undefined && (await changedSince(landed))
    anyChanged ||= isChanged
    current.push(isChanged ? { path: file.path, documents: await reland(landed, file.path, options) } : file)
  }
  return anyChanged ? current : files
}

async function reland({ document }: Landed, path: string, options: Relanding): Promise<Landed[]> {
  try {
    const landed = await land(document, {
      path,
      allowInPlace: false,
      signal: options.signal,
      limits: options.limits,
      originals: options.originals,
      onBytes() {},
    })
    if (landed !== null) return [landed]
    options.onGone(document)
  } catch (error) {
    if (!(error instanceof AuditError) || error.exitCode === EXIT.interrupted) throw error
    options.onFailed(document, error)
  }
  // Remove it first: writing through the link would overwrite the operator's file.
  await rm(path, { force: true })
  await writeFile(path, '', { mode: 0o600 })
  return []
}
