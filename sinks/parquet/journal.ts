/**
 * Notes which files a load is about to replace, so that a later one finds what a killed load left, without listing the lake. The
 * notes lie in a folder that readers of Parquet pass over.
 */

import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { NEVER_ABORTED } from '../../src/retry.js'
import type { Lake } from '../shared/lake.js'
import { type LakeFile, tableOf } from './layout.js'
import { repair } from './versions.js'

export interface Note {
  /** Must precede replacing these files. */
  add(files: readonly LakeFile[]): Promise<void>
  /** Must follow it. */
  remove(): Promise<void>
}

const FOLDER = '_replacing/'

/** @param name of the note, which no other has */
export function newNote({ store, prefix }: Lake, name: string): Note {
  const key = `${prefix}${FOLDER}${name}`
  const stems = new Set<string>()
  return {
    async add(files) {
      const before = stems.size
      for (const { stem } of files) stems.add(stem)
      if (stems.size > before) await store.write(key, Buffer.from([...stems].join('\n')), 'any', NEVER_ABORTED)
    },
    remove: () => store.remove(key, NEVER_ABORTED),
  }
}

/**
 * Finishes what loads left unfinished in the files that they noted. A load that is still at it may have to merge a file again, and
 * if it is killed later, what it leaves then is finished by the next load of that file.
 *
 * @param folder for local copies
 */
export async function repairNoted(lake: Lake, folder: string, signal: AbortSignal): Promise<void> {
  for await (const note of lake.store.list(lake.prefix + FOLDER, signal)) {
    const copy = join(folder, randomUUID())
    if (!(await lake.fetch(note, copy, signal))) continue
    const stems = (await readFile(copy, 'utf8')).split('\n')
    await rm(copy)
    for (const stem of stems) {
      const table = tableOf(stem)
      if (table !== undefined) await repair(lake, { table, stem }, folder, signal)
    }
    await lake.store.remove(note.key, signal)
  }
}
