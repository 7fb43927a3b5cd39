/** Local sources: files, folders with everything below them, globs, and stdin. */

import { createReadStream, lstatSync, realpathSync, statSync } from 'node:fs'
import { lstat, opendir, realpath, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { withoutLogin } from '../address.js'
import type { DayRange, Document, Source } from '../contract.js'
import { AuditError, interrupted, printable } from '../errors.js'
import { openFile } from '../regular-file.js'
import { globbed, globFolder } from './globs.js'
import { openPipe } from './pipe.js'

/** A buffer is allocated for every file: when there are ten thousand small files, it should be no larger than they are. */
const LEAST_CHUNK_BYTES = 1 << 16
const CHUNK_BYTES = 1 << 20

/** A path that was found, and the folder that links in it must not leave; null when they may. */
interface Found {
  readonly path: string
  readonly within: string | null
  /** For a folder that cannot be listed: why. */
  readonly unlisted?: unknown
}

/**
 * @param address a file, a folder or a glob. In folders, names that begin with a dot are skipped, because copying tools
 *   use such names for unfinished files.
 * @param followLinks whether links may lead out of the folder, or out of the fixed part of the glob. Otherwise anyone who
 *   may write there could have any file read. A link that is the address itself is always followed.
 *
 * All local files share one namespace of receipts, so that a file is the same document whether it is named directly or
 * found in its folder. Its version is its size and times: a file that changed in any way is read again.
 *
 * A pipe, a device, a socket, or a link that is broken or leads out, becomes a document that cannot be opened.
 */
export function fileSource(address: string, followLinks = false): Source {
  return {
    id: 'files',
    async *list(_range: DayRange, signal: AbortSignal): AsyncGenerator<Document> {
      const path = resolve(address)
      const kind = await stat(path).catch(() => null)
      if (kind !== null && !kind.isDirectory()) {
        yield kind.isFIFO() ? pipeDocument(path) : await fileDocument({ path, within: null })
        return
      }
      let found = 0
      for await (const each of kind === null ? matching(address, followLinks) : inside(path, followLinks)) {
        if (signal.aborted) throw interrupted()
        found++
        yield await fileDocument(each)
      }
      if (found === 0) {
        throw new AuditError(`no file at ${withoutLogin(address)}`, {
          advice: 'Name a file, a folder with files in it, or a glob in quotes that matches some.',
        })
      }
    },
    async close() {},
  }
}

/** The document that arrives on standard input; its content gives it its version. */
export function stdinSource(stream: AsyncIterable<Uint8Array>): Source {
  return {
    id: 'stdin',
    async *list(): AsyncGenerator<Document> {
      yield { id: 'stdin', version: null, bytes: null, range: null, open: async () => stream }
    },
    async close() {},
  }
}

async function* matching(address: string, followLinks: boolean): AsyncGenerator<Found> {
  const folder = await realpath(globFolder(address)).catch(() => null)
  if (folder === null) return
  const { paths, unlisted } = await globbed(address, followLinks)
  for (const [path, error] of unlisted) yield { path, within: null, unlisted: error }
  for (const path of paths.sort())
    if (followLinks || !isFolder(path) || leadsOut(path, folder)) yield { path, within: followLinks ? null : folder }
}

async function* inside(folder: string, followLinks: boolean): AsyncGenerator<Found> {
  const root = await realpath(folder)
  /** Folders to which links have led; guards against cycles. */
  const followed = new Set<string>()

  async function* below(folder: string): AsyncGenerator<Found> {
    const entries = []
    try {
      for await (const entry of await opendir(folder)) if (!entry.name.startsWith('.')) entries.push(entry)
    } catch (unlisted) {
      yield { path: folder, within: null, unlisted }
      return
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) {
        yield* below(path)
      } else if (!entry.isSymbolicLink() || !isFolder(path)) {
        yield { path, within: followLinks ? null : root }
      } else if (leadsOut(path, root)) {
        // The target of a link within the folder is found at its own path.
        if (!followLinks) yield { path, within: root }
        else if (!followed.has(realpathSync(path))) {
          followed.add(realpathSync(path))
          yield* below(path)
        }
      }
    }
  }

  yield* below(folder)
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

function leadsOut(path: string, folder: string): boolean {
  const real = realpathSync(path)
  return !real.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

const pipeDocument = (path: string): Document => ({
  id: path,
  version: null,
  bytes: null,
  range: null,
  open: async (signal) => openPipe(path, signal),
})

async function fileDocument({ path, within, unlisted }: Found): Promise<Document> {
  if (unlisted !== undefined) return unlistedFolder(path, unlisted)
  const stats = await stat(path, { bigint: true }).catch(() => null)
  const regular = (await lstat(path).catch(() => null))?.isFile() ?? false
  return {
    id: path,
    version: stats === null ? null : `${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}`,
    bytes: stats === null ? null : Number(stats.size),
    range: null,
    ...(regular ? { path } : {}),
    open: async (signal) => {
      if (within !== null) refuseStray(path, within)
      const fd = openFile(path)
      const highWaterMark = Math.min(CHUNK_BYTES, Math.max(LEAST_CHUNK_BYTES, Number(stats?.size ?? 0)))
      return createReadStream(path, { fd, highWaterMark, signal })
    },
  }
}

/** Represents a folder that cannot be listed. It fails like a document and does not stop the others. */
function unlistedFolder(path: string, error: unknown): Document {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
  const advice = code === 'EACCES' ? 'Give this user permission to read and enter it.' : undefined
  return {
    id: path,
    version: null,
    bytes: null,
    range: null,
    async open() {
      throw new AuditError(`the folder cannot be listed (${code}), so nothing in it was loaded`, {
        cause: error,
        ...(advice === undefined ? {} : { advice }),
      })
    },
  }
}

function refuseStray(path: string, folder: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined && lstatSync(path, { throwIfNoEntry: false })) {
    throw new AuditError('it is a link that leads nowhere')
  }
  if (!leadsOut(path, folder)) return
  throw new AuditError(`it is a link that leads out of ${printable(folder)}`, {
    advice: 'If that is intended, load its target by its own name, or use --follow-links.',
  })
}
