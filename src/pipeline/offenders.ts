/** Which lines of a document the engine fails on. */

import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SpoolFile } from '../landing/batches.js'
import { cutLines } from '../landing/spooled.js'

/** More at a time would be many trials where one would do; fewer are more deaths until one line is left. */
const WAYS = 16

/** A document with more of them is no log with a bad line in it. */
export const MOST_OFFENDERS = 100

/**
 * @param file  the lines of one document, on which the engine fails
 * @param fails tells why the engine fails on some of them, or null; with the number of lines before these
 * @returns each line on which it fails alone, and why; one more than MOST_OFFENDERS at most
 */
export async function offendersOf(
  file: SpoolFile,
  folder: string,
  fails: (lines: SpoolFile, before: number) => Promise<string | null>,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  const search = async (within: SpoolFile, before: number): Promise<void> => {
    for (const piece of await cutLines(within, WAYS, folder)) {
      const at = before + piece.before
      const why = found.size > MOST_OFFENDERS ? null : await fails(piece.file, at)
      if (why !== null && piece.file.documents[0]?.lines === 1) found.set(at + 1, why)
      else if (why !== null) await search(piece.file, at)
      await rm(dirname(piece.file.path), { recursive: true })
    }
  }
  await search(file, 0)
  return found
}
