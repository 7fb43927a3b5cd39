/** Splits landed batches into fewer documents, and a landed document into fewer lines. */

import { createReadStream } from 'node:fs'
import { appendFile, copyFile, type FileHandle, mkdtemp, open, stat, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { LandedBatch, SpoolFile } from './batches.js'
import type { Landed } from './landing.js'
import { PLACEHOLDER } from './lines.js'

const LF = 0x0a
const WRITTEN_AT_ONCE = 1 << 20

/** The lines of a landed file without their line ends. Blank lines, by the definition of LineFilter, are skipped. */
export async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let start = 0
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
      const line = bytes.subarray(start, end)
      if (!isBlank(line)) yield line
      start = end + 1
    }
    held = bytes.subarray(start)
  }
  if (!isBlank(held)) yield held
}

const isBlank = (line: Buffer): boolean => line.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))

export const documentsOf = ({ files }: Pick<LandedBatch, 'files'>): readonly Landed[] =>
  files.flatMap(({ documents }) => documents)

/** The two halves of a batch of at least two documents, in subfolders of the batch's folder. */
export async function halvesOf(batch: LandedBatch): Promise<readonly LandedBatch[]> {
  const count = documentsOf(batch).length
  const middle = Math.ceil(count / 2)
  return [await choose(batch, 0, middle), await choose(batch, middle, count)]
}

async function choose(batch: LandedBatch, from: number, to: number): Promise<LandedBatch> {
  const folder = await mkdtemp(join(batch.folder, 'half-'))
  const files: SpoolFile[] = []
  let seen = 0
  for (const file of batch.files) {
    const first = Math.max(0, from - seen)
    const chosen = file.documents.slice(first, Math.max(0, to - seen))
    seen += file.documents.length
    if (chosen.length === 0) continue
    const path = join(folder, spoolName(files.length))
    if (chosen.length === file.documents.length) await link(file.path, path)
    else await copyLines(file.path, path, countLines(file.documents.slice(0, first)), countLines(chosen))
    files.push({ ...file, path, documents: chosen.map((landed) => ({ ...landed, path })) })
  }
  return { folder, files }
}

/**
 * Splits a document's lines, in order, into at most `ways` files; `before` counts the lines that precede each.
 *
 * @param file holds one document
 */
export async function cutLines(
  file: SpoolFile,
  ways: number,
  folder: string,
): Promise<readonly { readonly file: SpoolFile; readonly before: number }[]> {
  const [landed] = file.documents
  if (landed === undefined) return []
  const size = Math.ceil(landed.lines / ways)
  const pieces = []
  for (let before = 0; before < landed.lines; before += size) {
    const lines = Math.min(size, landed.lines - before)
    const path = join(await mkdtemp(join(folder, 'lines-')), spoolName(0))
    const longLines = new Map(
      [...landed.longLines].flatMap(([line, position]) =>
        line > before && line <= before + lines ? [[line - before, position] as const] : [],
      ),
    )
    await copyLines(file.path, path, before, lines)
    if (longLines.size > 0) await symlink(resolve(`${file.path}.long`), `${path}.long`)
    pieces.push({ file: { path, documents: [{ ...landed, path, lines, longLines }] }, before })
  }
  return pieces
}

/**
 * The same document with some lines set aside, as landing does with lines that are too long.
 *
 * @param refused line number → why the engine refused the line
 */
export async function withLinesAside(
  file: SpoolFile,
  refused: ReadonlyMap<number, string>,
  folder: string,
): Promise<SpoolFile> {
  const path = join(await mkdtemp(join(folder, 'aside-')), spoolName(0))
  const [landed] = file.documents
  if (landed === undefined) return file
  const longLines = new Map(landed.longLines)
  const long = `${path}.long`
  if (longLines.size > 0) await copyFile(`${file.path}.long`, long)
  let longBytes = longLines.size > 0 ? (await stat(long)).size : 0
  const writer = await writerTo(path)
  let line = 0
  for await (const bytes of linesOf(file.path)) {
    line++
    const aside = refused.has(line)
    await writer.line(aside ? PLACEHOLDER : bytes)
    if (!aside || longLines.has(line)) continue
    await appendFile(long, bytes, { mode: 0o600 })
    longLines.set(line, { offset: longBytes, length: bytes.length })
    longBytes += bytes.length
  }
  await writer.close()
  return { path, documents: [{ ...landed, path, longLines }], refused }
}

/** A line as it arrived; the file holds one document. */
export async function lineOf(file: SpoolFile, wanted: number): Promise<Buffer> {
  const long = await longLine(file, wanted)
  if (long !== null) return long
  let line = 0
  for await (const bytes of linesOf(file.path)) if (++line === wanted) return bytes
  throw new RangeError(`there is no line ${wanted}`)
}

/** A line from `<path>.long`, or null; a document with long lines has its spool file to itself. */
export async function longLine({ path, documents }: SpoolFile, line: number): Promise<Buffer | null> {
  const position = documents[0]?.longLines.get(line)
  if (position === undefined) return null
  const file = await open(`${path}.long`)
  try {
    const { buffer } = await file.read(Buffer.alloc(position.length), 0, position.length, position.offset)
    return buffer
  } finally {
    await file.close()
  }
}

/** The engine identifies the files of a batch by these names. */
const spoolName = (index: number): string => String(index).padStart(8, '0')

const countLines = (documents: readonly Landed[]): number => documents.reduce((sum, { lines }) => sum + lines, 0)

async function link(from: string, to: string): Promise<void> {
  await symlink(resolve(from), to)
  await symlink(resolve(`${from}.long`), `${to}.long`)
}

async function copyLines(from: string, to: string, skipped: number, count: number): Promise<void> {
  const writer = await writerTo(to)
  let line = 0
  for await (const bytes of linesOf(from)) {
    line++
    if (line <= skipped) continue
    if (line > skipped + count) break
    await writer.line(bytes)
  }
  await writer.close()
}

async function writerTo(path: string): Promise<{ line(bytes: Uint8Array): Promise<void>; close(): Promise<void> }> {
  const file: FileHandle = await open(path, 'wx', 0o600)
  let held: Uint8Array[] = []
  let size = 0
  const flush = async (): Promise<void> => {
    await file.writeFile(Buffer.concat(held))
    held = []
    size = 0
  }
  return {
    async line(bytes) {
      held.push(bytes, LINE_END)
      size += bytes.length + 1
      if (size > WRITTEN_AT_ONCE) await flush()
    },
    async close() {
      await flush()
      await file.close()
    },
  }
}

const LINE_END = Buffer.from('\n')
