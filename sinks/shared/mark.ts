/** The mark of a lake: one small file at its root, whose name readers of Parquet pass over. */

import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { contended, type Lake, MOST_ATTEMPTS } from './lake.js'
import { layoutIn, layoutMark, refuseNewerLayout } from './layout.js'

export const MARK_FILE = '_wandb_audit.txt'
export const markOf = (layout: number): string => `${layoutMark(layout)}\n`

/**
 * Must precede any other change: whatever follows a newer layout must not be found without its mark.
 *
 * @param known  the newest layout that this version writes there
 * @param folder for local copies
 * @throws AuditError when only a newer version of wandb-audit may write to the lake
 */
export async function mark(lake: Lake, known: number, folder: string, signal: AbortSignal): Promise<void> {
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
    refuseNewerLayout(lake.id, layout, known)
    if (layout === known) return
    if ((await lake.store.write(key, Buffer.from(markOf(known)), existing ?? 'absent', signal)) !== null) return
  }
  throw contended(lake, `replacing ${MARK_FILE}`)
}
