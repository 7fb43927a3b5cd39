/**
 * Landing writes a document to a spool file as plain NDJSON, checks that it is complete, counts its lines and hashes it.
 *
 * A local file that is plain NDJSON already is not copied: the engine reads it in place, and `changedSince` checks
 * afterwards that it stayed the same.
 */

import { createHash } from 'node:crypto'
import { rmSync, symlinkSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { Document } from '../contract.js'
import { AuditError, interrupted, printable } from '../errors.js'
import { retrying } from '../retry.js'
import { exportedRows } from './exports.js'
import { type DocumentLimits, GENEROUS, tooLarge, withinTime } from './limits.js'
import { LineFilter } from './lines.js'
import { refuseNonLogs } from './not-a-log.js'
import { type PageFacts, unwrapPages } from './pages.js'
import { type LongLine, SpoolFile } from './spool-file.js'
import { type UnpackFacts, unpack } from './unpack.js'

export interface Landed {
  readonly document: Document
  /** The document's version, or its SHA-256 when the source knew none. */
  readonly version: string
  /** The spool file with its plain NDJSON. */
  readonly path: string
  /** Size and lower-case hex SHA-256 of the bytes as they arrived. */
  readonly bytes: number
  readonly sha256: string
  /** Size of the plain text, in bytes. */
  readonly textBytes: number
  /** Lines that are not blank. */
  readonly lines: number
  /** Lines kept from the engine: their positions in the file `<path>.long`. The spool has a placeholder for each. */
  readonly longLines: ReadonlyMap<number, LongLine>
  /** True when a saved page names a next page. */
  readonly moreFollow: boolean
  /** The state of the file when it was read in place; null when it was copied. */
  readonly inPlace: FileState | null
  /** The file with the bytes as they arrived, for the archive; null when none is kept. */
  readonly original: string | null
}

/** Takes the bytes of a document as they arrive. */
export interface OriginalFile {
  write(chunk: Uint8Array): Promise<void>
  end(): Promise<void>
  /** Instead of `end`, when the document did not arrive. */
  discard(): Promise<void>
}

/** Called before a document lands; the function it returns, for each attempt to read it. */
export type Originals = (document: Document) => (path: string) => OriginalFile

/** Equal states mean equal content: nothing but the clock can set the change time back. */
export type FileState = string

export interface LandingOptions {
  /** The file to write, in a folder of the run's own. */
  readonly path: string
  /** False when the file has changed during an earlier reading in place. */
  readonly allowInPlace: boolean
  readonly signal: AbortSignal
  readonly limits?: DocumentLimits
  /** When absent, the bytes as they arrive are not kept. */
  readonly originals?: Originals | undefined
  /** Told of each byte of the document once, however often it is read. */
  onBytes(bytes: number): void
}

/**
 * @returns null when the document was removed after it was listed
 * @throws AuditError naming the document when it did not arrive whole after several attempts, or is not a log
 */
export async function land(document: Document, options: LandingOptions): Promise<Landed | null> {
  try {
    const { signal, limits = GENEROUS } = options
    const onPosition = furthest(options.onBytes)
    const openOriginal = options.originals?.(document)
    return await retrying(
      () =>
        withinTime(limits.timeoutMs, signal, (within) =>
          landOnce(document, { ...options, limits, onPosition, openOriginal, signal: within }),
        ),
      signal,
    )
  } catch (error) {
    if (options.signal.aborted) throw interrupted()
    const { message, advice } = error instanceof AuditError ? error : systemError(error)
    throw new AuditError(`landing ${printable(document.id)} failed: ${message}`, {
      cause: error,
      ...(advice === undefined ? {} : { advice }),
    })
  }
}

/** Takes positions, and passes on by how many bytes each is further than all before it. */
function furthest(onBytes: (bytes: number) => void): (position: number) => void {
  let reported = 0
  return (position) => {
    if (position <= reported) return
    onBytes(position - reported)
    reported = position
  }
}

interface Limited extends LandingOptions {
  readonly limits: DocumentLimits
  readonly openOriginal: ReturnType<Originals> | undefined
  /** Told how far a reading has come, in bytes. */
  onPosition(position: number): void
}

async function landOnce(document: Document, options: Limited): Promise<Landed | null> {
  const before = document.path === undefined ? null : await fileState(document.path)
  const { path } = options
  let landed = await read(document, path, options, document.path !== undefined && options.allowInPlace)
  if (landed === null) return null
  if (landed.inPlace && landed.unfit) landed = await read(document, path, options, false)
  if (landed === null) return null
  if (document.path !== undefined && (await fileState(document.path)) !== before) {
    throw new AuditError('the file changed while it was read', {
      retryable: true,
      advice: 'Load it again once nothing writes to it.',
    })
  }
  if (landed.inPlace && document.path !== undefined) {
    rmSync(path, { force: true })
    symlinkSync(document.path, path)
  }
  return {
    document,
    version: document.version ?? landed.sha256,
    path,
    bytes: landed.bytes,
    sha256: landed.sha256,
    textBytes: landed.textBytes,
    lines: landed.lines,
    longLines: landed.longLines,
    moreFollow: landed.moreFollow,
    inPlace: landed.inPlace ? before : null,
    original: options.openOriginal === undefined ? null : originalOf(path),
  }
}

interface Reading {
  readonly inPlace: boolean
  /** The engine must not read these bytes as they are. If nothing was copied, the other fields mean nothing then. */
  readonly unfit: boolean
  readonly bytes: number
  readonly sha256: string
  readonly textBytes: number
  readonly lines: number
  readonly longLines: ReadonlyMap<number, LongLine>
  readonly moreFollow: boolean
}

/** The file with a document's bytes as they arrived, next to its spool file. */
export const originalOf = (path: string): string => `${path}.original`

/** Makes one pass over the document. With `tryInPlace`, spools nothing while the text equals the bytes that arrive. */
async function read(document: Document, path: string, options: Limited, tryInPlace: boolean): Promise<Reading | null> {
  const stream = await document.open(options.signal)
  if (stream === null) return null
  const original = options.openOriginal?.(originalOf(path))
  try {
    const reading = await readStream(document, stream, original, path, options, tryInPlace)
    await original?.end()
    return reading
  } catch (error) {
    await original?.discard()
    throw error
  }
}

async function readStream(
  document: Document,
  stream: AsyncIterable<Uint8Array>,
  original: OriginalFile | undefined,
  path: string,
  options: Limited,
  tryInPlace: boolean,
): Promise<Reading> {
  // Standard input knows no signal, so end it by hand.
  if (stream instanceof Readable) options.signal.addEventListener('abort', () => stream.destroy(), { once: true })
  const hash = createHash('sha256')
  let bytes = 0
  async function* arriving(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      if (options.signal.aborted) throw interrupted()
      hash.update(chunk)
      bytes += chunk.length
      if (bytes > options.limits.maxBytes) throw tooLarge(options.limits)
      options.onPosition(bytes)
      await original?.write(chunk)
      yield chunk
    }
  }
  const facts: UnpackFacts & PageFacts = { asArrived: true, isPage: false, moreFollow: false }
  const spool = new SpoolFile(path)
  const filter = new LineFilter(spool)
  let textBytes = 0
  try {
    const text = textOf(document, arriving(), facts, path, options.signal)
    for await (const chunk of text) {
      if (textBytes === 0 && !(tryInPlace && facts.asArrived && !facts.isPage)) spool.open()
      textBytes += chunk.length
      if (textBytes > options.limits.maxBytes) throw tooLarge(options.limits)
      filter.push(chunk)
      if (filter.altered && !spool.opened) break
    }
    filter.end()
    if (textBytes === 0) spool.open()
  } finally {
    spool.close()
  }
  return {
    inPlace: !spool.opened,
    unfit: filter.altered || textBytes === 1,
    bytes,
    sha256: hash.digest('hex'),
    textBytes,
    lines: filter.lines,
    longLines: spool.longLines,
    moreFollow: facts.moreFollow,
  }
}

/** The lines of a document. */
function textOf(
  { isNdjson, isExport }: Document,
  arriving: AsyncIterable<Uint8Array>,
  facts: UnpackFacts & PageFacts,
  path: string,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  if (isNdjson) return arriving
  const unpacked = unpack(arriving, facts)
  return isExport ? exportedRows(unpacked, path, signal) : unwrapPages(refuseNonLogs(unpacked), facts)
}

/** True when a document that was read in place has changed since it landed. */
export async function changedSince(landed: Landed): Promise<boolean> {
  if (landed.inPlace === null || landed.document.path === undefined) return false
  try {
    return (await fileState(landed.document.path)) !== landed.inPlace
  } catch {
    return true
  }
}

export async function fileState(path: string): Promise<FileState> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true })
  return `${size}-${mtimeNs}-${ctimeNs}-${ino}`
}

const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'Give this user permission to read it.',
  ENOENT: 'It was there when it was listed; nothing is lost if it was moved on purpose.',
  ENOSPC: 'The disk of the spool folder is full: free some space, or choose another folder with --spool.',
  EISDIR: 'Name the folder itself, or the files in it.',
}

function systemError(error: unknown): { message: string; advice: string | undefined } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (code === undefined) return { message: 'an unexpected error', advice: undefined }
  return { message: code, advice: SYSTEM_ADVICE[code] }
}
