/** The mark of a lake: one small file at its root, whose name readers of Parquet pass over. */

import { readFile, writeFile } from 'node:fs/promises'
import { LAYOUT_VERSION } from '../../schemas/tables.js'
import { LAYOUT_MARK, layoutIn, refuseNewerLayout } from '../shared/layout.js'
import type { Change } from './file.js'

export const MARK_FILE = '_wandb_audit.txt'
export const MARK = `${LAYOUT_MARK}\n`

/** To be published before any other change: whatever follows a newer layout must not be found without its mark. */
export const markChange = (id: string): Change<void> => ({
  file: MARK_FILE,
  async merge(existing, target) {
    const layout = existing === null ? null : layoutIn(await readFile(existing, 'utf8'))
    refuseNewerLayout(id, layout)
    const changed = layout !== LAYOUT_VERSION
    if (changed) await writeFile(target, MARK)
    return { changed, outcome: undefined }
  },
})
