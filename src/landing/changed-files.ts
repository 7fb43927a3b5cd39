/** Files that were read in place may have changed under the transform. */

import { rm, writeFile } from 'node:fs/promises'
import { AuditError, EXIT } from '../errors.js'
import type { BatchingOptions, SpoolFile } from './batches.js'
import { changedSince, type Landed, land } from './landing.js'

type Told = Pick<BatchingOptions, 'signal' | 'limits' | 'onGone' | 'onFailed'>

/**
 * The same files, if nothing changed since they landed. Else others: a document that changed is landed again, as a copy; of
 * one that is gone or cannot be landed nothing is left, and it is told.
 */
export async function relandChanged(files: readonly SpoolFile[], told: Told): Promise<readonly SpoolFile[]> {
  let changed = false
  const settled = []
  for (const file of files) {
    const [landed] = file.documents
    const again = landed !== undefined && (await changedSince(landed))
    changed ||= again
    settled.push(again ? { path: file.path, documents: await landedAgain(landed, file.path, told) } : file)
  }
  return changed ? settled : files
}

async function landedAgain({ document }: Landed, path: string, told: Told): Promise<Landed[]> {
  try {
    const landed = await land(document, {
      path,
      allowInPlace: false,
      signal: told.signal,
      limits: told.limits,
      onBytes() {},
    })
    if (landed !== null) return [landed]
    told.onGone(document)
  } catch (error) {
    if (!(error instanceof AuditError) || error.exitCode === EXIT.interrupted) throw error
    told.onFailed(document, error)
  }
  // A link to what changed must not be written through.
  await rm(path, { force: true })
  await writeFile(path, '', { mode: 0o600 })
  return []
}
