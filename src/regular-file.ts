/** Opening what is a file and nothing else: the opening of a pipe would wait for its writer, and no signal could end that. */

import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { AuditError, printable } from './errors.js'

/** Some are not known on Windows. */
const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = constants

type Kind = Pick<Stats, 'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket'>

/** As the end of a sentence; null for a file. */
export function otherThanFile(kind: Kind): string | null {
  if (kind.isFile()) return null
  if (kind.isDirectory()) return 'a folder'
  if (kind.isFIFO()) return 'a pipe'
  return kind.isSocket() ? 'a socket' : 'a device'
}

/**
 * For reading; links are followed.
 *
 * @param flags beside those of reading: O_NOFOLLOW
 * @throws AuditError when it is no file, and the system's own error when it cannot be opened
 */
export async function openFile(path: string, flags = 0): Promise<FileHandle> {
  refuseOther(path, await stat(path))
  const file = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags)
  try {
    // What stood there a moment ago may be something else by now.
    refuseOther(path, await file.stat())
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

function refuseOther(path: string, kind: Kind): void {
  const other = otherThanFile(kind)
  if (other !== null) throw new AuditError(`${printable(path)} is ${other}, not a file`)
}
