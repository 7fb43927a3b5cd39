/** Prepares the demo's folder: removes what an earlier demo made, and nothing else. */

import { existsSync, lstatSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { printable, usageError } from '../errors.js'
import { isOurs } from '../regular-file.js'

const MADE = ['wandb-audit-logs', 'audit.duckdb', 'audit.duckdb.wal']

/** A file that marks its folder's contents as generated. */
const MARK = '.wandb-audit-demo'

/** @throws AuditError, exit code 2, when the folder may hold real data, is a link, or belongs to another user */
export async function prepareDemoFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const stats = lstatSync(folder)
  const marked = existsSync(join(folder, MARK))
  if (!stats.isDirectory() || !isOurs(stats.uid) || (!marked && MADE.some((name) => existsSync(join(folder, name))))) {
    throw usageError(
      `the demo would overwrite files in ${printable(folder)} that no demo of this user made`,
      'Choose another folder with --folder, or remove that one if nothing in it is needed.',
    )
  }
  await writeFile(join(folder, MARK), '')
  for (const name of MADE) await rm(join(folder, name), { recursive: true, force: true })
}
