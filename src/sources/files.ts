/** Sources on this machine: files, folders with all below them, globs, and stdin. */

import { createReadStream, lstatSync, realpathSync, statSync } from 'node:fs'
import { lstat, opendir, realpath, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { withoutLogin } from '../address.js'
import type { DayRange, Document, Source } from '../contract.js'
import { AuditError, printable } from '../errors.js'
import { openFile } from '../regular-file.js'
import { globbed, globFolder } from './globs.js'
import { openPipe } from './pipe.js'

/** A buffer of this size is made for every file: for ten thousand small ones no larger than they are. */
const LEAST_CHUNK_BYTES = 1 << 16
const CHUNK_BYTES = 1 << 20

/** What is there, and the folder that links in it must not leave; null when they may. */
interface Found {
  readonly path: string
  readonly within: string | null
  /** Why the folder that this is cannot be listed. */
  readonly unlisted?: unknown
}

/**
 * @param address a file, a folder or a glob. In folders, names that begin with a dot are passed over (copying tools
 *   keep their unfinished files under such names).
 * @param followLinks whether links may lead out of the folder, or out of the fixed part of the glob; whoever may write there
 *   could have anything read otherwise. The link that is the address itself is always followed.
 *
 * All local files share one namespace of receipts, so that a file named alone and the same file found in its
 * folder are one document. Its version is its size and its times: a file changed in any way is read again.
 *
 * A pipe, a device, a socket, and a link that leads nowhere or out is a document that cannot be opened.
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
        signal.throwIfAborted()
        found++
        yield await fileDocument(each)
      }
      if (found === 0) {
        throw new AuditError(`no file at ${withoutLogin(address)}`, {
          advice: 'Name a file, a folder that holds some, or a glob in quotes that matches one.',
        })
      }
    },
    async close() {},
  }
}

/** The one document that arrives on standard input; what it is called depends on its content. */
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
  /** Folders that links have led to: two may lead to each other. */
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
        // What a link within the folder leads to is met where it is.
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
  const there = await stat(path, { bigint: true }).catch(() => null)
  const regular = (await lstat(path).catch(() => null))?.isFile() ?? false
  return {
    id: path,
    version: there === null ? null : `${there.size}-${there.mtimeNs}-${there.ctimeNs}`,
    bytes: there === null ? null : Number(there.size),
    range: null,
    ...(regular ? { path } : {}),
    open: async (signal) => {
      if (within !== null) refuseStray(path, within)
      const fd = openFile(path)
      const highWaterMark = Math.min(CHUNK_BYTES, Math.max(LEAST_CHUNK_BYTES, Number(there?.size ?? 0)))
      return createReadStream(path, { fd, highWaterMark, signal })
    },
  }
}

/** A folder whose documents nobody knows: it fails as a document does, and stops no other. */
function unlistedFolder(path: string, error: unknown): Document {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
  const advice = code === 'EACCES' ? 'Give this user the right to read it, and to enter it.' : undefined
  return {
    id: path,
    version: null,
    bytes: null,
    range: null,
    async open() {
      throw new AuditError(`the folder cannot be listed (${code}), and nothing in it is loaded`, {
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
    advice: 'If that is meant, load what it leads to by its own name, or say --follow-links.',
  })
}
