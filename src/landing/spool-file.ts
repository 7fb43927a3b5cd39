/** Where a document lands: a file of plain NDJSON, and next to it a file for lines set aside, created when needed. */

import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { AuditError } from '../errors.js'
import type { LineSink } from './lines.js'

/** No log has longer lines. */
const LARGEST_LINE_BYTES = 64 * 1024 * 1024

/** Disk space to leave free for others: a share of the disk, but no more than MOST_RESERVED_BYTES. */
const RESERVE_SHARE = 0.05
const MOST_RESERVED_BYTES = 1 << 30
/** How much is written between two checks of the free space. */
const CHECK_EVERY_BYTES = 16 << 20

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
  private untilCheck = 0

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
      throw new AuditError(`line ${line} is longer than 64 MiB; none of the document was loaded`, {
        advice: 'No audit log has lines that long: exclude the file from --from.',
      })
    }
    // The document is being read in place; a second reading will copy it.
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
    this.untilCheck -= bytes.length
    if (this.untilCheck < 0) {
      requireRoom(dirname(this.path))
      this.untilCheck = CHECK_EVERY_BYTES
    }
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
  }
}

/** Replaces whatever has this name. It may be a link to a document that was read in place, which must not be written to. */
function create(path: string): number {
  rmSync(path, { force: true })
  return openSync(path, 'wx', 0o600)
}

/** @throws AuditError when the disk is nearly full */
function requireRoom(folder: string): void {
  const { bavail, blocks, bsize } = statfsSync(folder)
  const reserve = Math.min(blocks * bsize * RESERVE_SHARE, MOST_RESERVED_BYTES)
  if (bavail * bsize > reserve) return
  throw new AuditError('the disk of the spool folder is nearly full; none of the document was loaded', {
    advice: 'Free some space, or choose another folder with --spool; the next run loads the document.',
  })
}
