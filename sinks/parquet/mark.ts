/** The mark of a lake: one small file at its root, whose name readers of Parquet pass over. */

import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LAYOUT_VERSION } from '../../schemas/tables.js'
import { layoutIn, layoutMark, refuseNewerLayout } from '../shared/layout.js'
import type { Lake } from './lake.js'
import { contended, MOST_ATTEMPTS } from './versions.js'

/** One more than that of the tables: since its first layout the lake has given each version of a file another name. */
export const LAKE_LAYOUT = LAYOUT_VERSION + 1

export const MARK_FILE = '_wandb_audit.txt'
export const MARK = `${layoutMark(LAKE_LAYOUT)}\n`

/**
 * Must precede any other change: whatever follows a newer layout must not be found without its mark.
 *
 * @param folder for local copies
 * @throws AuditError when only a newer version of wandb-audit may write to the lake
 */
export async function mark(lake: Lake, folder: string, signal: AbortSignal): Promise<void> {
  const key = lake.prefix + MARK_FILE
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const existing = await lake.store.find(key, signal)
    let layout = null
    if (existing !== null) {
      const copy = join(folder, randomUUID())
      if (!(await lake.fetch(existing, copy, signal))) continue
      layout = layoutIn(await readFile(copy, 'utf8'))
      await rm(copy)
    }
    refuseNewerLayout(lake.id, layout, LAKE_LAYOUT)
    if (layout === LAKE_LAYOUT) return
    if ((await lake.store.write(key, Buffer.from(MARK), existing ?? 'absent', signal)) !== null) return
  }
  throw contended(lake, MARK_FILE)
}
