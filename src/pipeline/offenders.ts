/** Finds the lines of a document on which the engine fails. */

import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SpoolFile } from '../landing/batches.js'
import { cutLines } from '../landing/spooled.js'

/** How many pieces each step cuts a document into: more pieces take more attempts, fewer take more crashes. */
const WAYS = 16

/** A document with more bad lines than this is not a log with a few bad lines. */
export const MOST_OFFENDERS = 100

/**
 * @param file  one document, on which the engine fails
 * @param fails returns why the engine fails on a piece, or null; `before` counts the lines that precede the piece
 * @returns each line on which the engine fails, and why; at most one more than MOST_OFFENDERS
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
