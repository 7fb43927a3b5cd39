/** Where a document is landed: a file of plain NDJSON, and beside it one for the lines put aside, once there are any. */

import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { AuditError } from '../errors.js'
import type { LineSink } from './lines.js'

/** A longer line is nothing a log ever held. */
const LARGEST_LINE_BYTES = 64 * 1024 * 1024

/** What is left free of the spool's disk, for all else that is on it: a share of the disk, and this much at most. */
const RESERVE_SHARE = 0.05
const MOST_RESERVED_BYTES = 1 << 30
/** How much is written between two looks at the disk. */
const LOOK_EVERY_BYTES = 16 << 20

export interface LongLine {
  readonly offset: number
  readonly length: number
}

export class SpoolFile implements LineSink {
  readonly longLines = new Map<number, LongLine>()
  opened = false
  private readonly path: string
  private file: number | null = null
  private longFile: number | null = null
  private longBytes = 0
  private length = 0
  private untilLook = 0

  constructor(path: string) {
    this.path = path
  }

  open(): void {
    this.opened = true
    this.file = create(this.path)
  }

  write(bytes: Uint8Array): void {
    if (this.file !== null) this.append(this.file, bytes)
  }

  putAside(piece: Uint8Array, line: number): void {
    this.length += piece.length
    if (this.length > LARGEST_LINE_BYTES) {
      throw new AuditError(`line ${line} is longer than 64 MiB; nothing of the document is loaded`, {
        advice: 'This is no audit log: leave it out of what --from names.',
      })
    }
    // Read in place, the document is going to be read again, as a copy.
    if (this.file === null) return
    this.longFile ??= create(`${this.path}.long`)
    this.append(this.longFile, piece)
  }

  endAside(line: number | null): void {
    if (line !== null) this.longLines.set(line, { offset: this.longBytes, length: this.length })
    this.longBytes += this.length
    this.length = 0
  }

  close(): void {
    if (this.file !== null) closeSync(this.file)
    if (this.longFile !== null) closeSync(this.longFile)
    this.file = null
    this.longFile = null
  }

  private append(file: number, bytes: Uint8Array): void {
    this.untilLook -= bytes.length
    if (this.untilLook < 0) {
      requireRoom(dirname(this.path))
      this.untilLook = LOOK_EVERY_BYTES
    }
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
  }
}

/** A new file, whatever stood there: a link to a document that was read in place must never be written through. */
function create(path: string): number {
  rmSync(path, { force: true })
  return openSync(path, 'wx', 0o600)
}

/** @throws AuditError when hardly anything is left of the disk */
function requireRoom(folder: string): void {
  const { bavail, blocks, bsize } = statfsSync(folder)
  const reserve = Math.min(blocks * bsize * RESERVE_SHARE, MOST_RESERVED_BYTES)
  if (bavail * bsize > reserve) return
  throw new AuditError('the disk of the spool folder is nearly full; nothing of the document is loaded', {
    advice: 'Make room, or name another folder with --spool; the next run loads it then.',
  })
}
