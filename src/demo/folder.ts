/** The folder of the demo: emptied of what an earlier demo made, and of nothing else. */

import { existsSync, lstatSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { printable, usageError } from '../errors.js'
import { isOurs } from '../regular-file.js'

const MADE = ['wandb-audit-logs', 'audit.duckdb', 'audit.duckdb.wal']

/** Tells that what stands beside it is made up. */
const MARK = '.wandb-audit-demo'

/** @throws AuditError, exit code 2, where real data may stand, or the folder is a link or another user's */
export async function prepareDemoFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const stats = lstatSync(folder)
  const marked = existsSync(join(folder, MARK))
  if (!stats.isDirectory() || !isOurs(stats.uid) || (!marked && MADE.some((name) => existsSync(join(folder, name))))) {
    throw usageError(
      `the demo would overwrite what is in ${printable(folder)}, which no demo of this user made`,
      'Name another folder with --folder, or remove that one if nothing in it is needed.',
    )
  }
  await writeFile(join(folder, MARK), '')
  for (const name of MADE) await rm(join(folder, name), { recursive: true, force: true })
}
