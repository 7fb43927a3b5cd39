/** Globs that report everything they match, whatever its kind. */

import { type Dirent, readdir, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { glob } from 'tinyglobby'

const MAGIC = /[*?[\]{}()!+@\\]/

/** The folder below which all matches lie: the part of the pattern before the first wildcard. */
export function globFolder(pattern: string): string {
  const parts = pattern.split('/')
  const first = parts.findIndex((part) => MAGIC.test(part))
  return resolve(parts.slice(0, Math.max(0, first)).join('/') || (pattern.startsWith('/') ? '/' : '.'))
}

export interface Globbed {
  readonly paths: string[]
  /** Folders that had to be searched but could not be listed, with the error. */
  readonly unlisted: ReadonlyMap<string, Error>
}

/** @param followLinks whether to search folders to which links lead */
export async function globbed(pattern: string, followLinks: boolean): Promise<Globbed> {
  const unlisted = new Map<string, Error>()
  const everything = (
    folder: string,
    _options: unknown,
    done: (error: Error | null, entries: Dirent[]) => void,
  ): void => {
    readdir(folder, { withFileTypes: true }, (error, entries = []) => {
      if (error !== null && !isGone(error)) unlisted.set(resolve(folder), error)
      for (const entry of entries) if (!isToBeEntered(folder, entry, followLinks)) Object.assign(entry, AS_FILE)
      done(error, entries)
    })
  }
  const paths = await glob(pattern, { absolute: true, onlyFiles: true, fs: { readdir: everything as typeof readdir } })
  return { paths, unlisted }
}

/** A pattern may name a folder that does not exist, or a file in place of a folder. */
const isGone = (error: Error): boolean => 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

/** Makes the library return pipes, devices and broken links, which it would skip. */
const AS_FILE = { isFile: () => true, isSymbolicLink: () => false }

function isToBeEntered(folder: string, entry: Dirent, followLinks: boolean): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  if (!followLinks) return false
  return statSync(join(folder, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false
}
