/**
 * Opens regular files only: opening a pipe would wait for its writer, which no signal could interrupt. Replaces files as a
 * whole.
 */

import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AuditError } from './errors.js'

/** Some flags do not exist on Windows. */
const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = constants

/**
 * Opens for reading, following links.
 *
 * @throws AuditError when it is not a file; the system's own error when it cannot be opened
 */
export function openFile(path: string): number {
  refuseOther(statSync(path))
  const file = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  try {
    // It may have been replaced since the first check.
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
  /** Permission bits. */
  readonly mode: number
  /** User id. */
  readonly owner: number
  /** Whether it belongs to this user; true on systems without user ids. */
  readonly ours: boolean
}

const LARGEST_BYTES = 1 << 20

/** @throws as `openFile` does, and when the file is too large to have been written by hand */
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

/**
 * Replaces what is at `path` in one step: whoever reads it sees the old file or the new one.
 *
 * @param mode of the new file, whatever the umask is
 * @throws the system's own error; nothing has changed then
 */
export function replaceFile(path: string, text: string, mode = 0o600): void {
  const unfinished = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
  try {
    writeFileSync(unfinished, text, { flag: 'wx', mode: 0o600 })
    chmodSync(unfinished, mode)
    renameSync(unfinished, path)
  } finally {
    rmSync(unfinished, { force: true })
  }
}

export const isOurs = (uid: number): boolean => process.getuid === undefined || uid === process.getuid()
