/** Sources on this machine: files, folders with all below them, globs, and stdin. */

import { createReadStream } from 'node:fs'
import { lstat, opendir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { glob } from 'tinyglobby'
import type { DayRange, Document, Source } from '../contract.js'
import { AuditError, printable } from '../errors.js'

/** A buffer of this size is made for every file: for ten thousand small ones no larger than they are. */
const LEAST_CHUNK_BYTES = 1 << 16
const CHUNK_BYTES = 1 << 20

/**
 * @param address a file, a folder or a glob. In folders, names that begin with a dot are passed over (copying tools
 *   keep their unfinished files under such names), and links to folders are not followed.
 *
 * All local files share one namespace of receipts, so that a file named alone and the same file found in its
 * folder are one document. Its version is its size and its times: a file changed in any way is read again.
 */
export function fileSource(address: string): Source {
  return {
    id: 'files',
    async *list(_range: DayRange, signal: AbortSignal): AsyncGenerator<Document> {
      let found = 0
      for await (const path of paths(address)) {
        signal.throwIfAborted()
        found++
        yield await fileDocument(path)
      }
      if (found === 0) {
        throw new AuditError(`no file at ${printable(address)}`, {
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

async function* paths(address: string): AsyncGenerator<string> {
  const path = resolve(address)
  const kind = await stat(path).catch(() => null)
  if (kind?.isDirectory()) yield* below(path)
  else if (kind !== null) yield path
  else for (const match of (await glob(address, { absolute: true, onlyFiles: true })).sort()) yield match
}

async function* below(folder: string): AsyncGenerator<string> {
  const entries = []
  for await (const entry of await opendir(folder)) if (!entry.name.startsWith('.')) entries.push(entry)
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* below(path)
    else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(path)))) yield path
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false
}

async function fileDocument(path: string): Promise<Document> {
  const { size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  const highWaterMark = Math.min(CHUNK_BYTES, Math.max(LEAST_CHUNK_BYTES, Number(size)))
  const regular = (await lstat(path)).isFile()
  return {
    id: path,
    version: `${size}-${mtimeNs}-${ctimeNs}`,
    bytes: Number(size),
    range: null,
    ...(regular ? { path } : {}),
    open: async (signal) => createReadStream(path, { highWaterMark, signal }),
  }
}
