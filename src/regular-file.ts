/** Opening what is a file and nothing else: the opening of a pipe would wait for its writer, and no signal could end that. */

import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs'
import { AuditError } from './errors.js'

/** Some are not known on Windows. */
const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = constants

/**
 * Opens for reading; links are followed.
 *
 * @throws AuditError when it is no file, and the system's own error when it cannot be opened
 */
export function openFile(path: string): number {
  refuseOther(statSync(path))
  const file = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  try {
    // What stood there a moment ago may be something else by now.
    refuseOther(fstatSync(file))
    return file
  } catch (error) {
    closeSync(file)
    throw error
  }
}

function refuseOther(stats: Stats): void {
  if (stats.isFile()) return
  const kind = stats.isDirectory() ? 'folder' : stats.isFIFO() ? 'pipe' : stats.isSocket() ? 'socket' : 'device'
  throw new AuditError(`it is a ${kind}, not a file`)
}

export interface SmallFile {
  readonly bytes: Buffer
  /** The bits of who may do what. */
  readonly mode: number
  /** A user's number. */
  readonly owner: number
  /** Whether it is this user's own; true where the system has no such thing. */
  readonly ours: boolean
}

const LARGEST_BYTES = 1 << 20

/** @throws as `openFile` does, and for one that is too large to be what a person wrote */
export function readSmallFile(path: string): SmallFile {
  const file = openFile(path)
  try {
    const { mode, uid, size } = fstatSync(file)
    if (size > LARGEST_BYTES) throw new AuditError('it is larger than 1 MiB')
    return { bytes: readFileSync(file), mode, owner: uid, ours: isOurs(uid) }
  } finally {
    closeSync(file)
  }
}

export const isOurs = (uid: number): boolean => process.getuid === undefined || uid === process.getuid()
