/** Globs that pass over nothing they match, whatever it is. */

import { type Dirent, readdir, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { glob } from 'tinyglobby'

const MAGIC = /[*?[\]{}()!+@\\]/

/** The folder that all matches lie below: the part before the first pattern. */
export function globFolder(pattern: string): string {
  const parts = pattern.split('/')
  const first = parts.findIndex((part) => MAGIC.test(part))
  return resolve(parts.slice(0, Math.max(0, first)).join('/') || (pattern.startsWith('/') ? '/' : '.'))
}

export interface Globbed {
  readonly paths: string[]
  /** Folders that had to be looked into and could not be, with why. */
  readonly unlisted: ReadonlyMap<string, Error>
}

/** @param followLinks whether to look into folders that links lead to */
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

/** A pattern may name a folder that is not there, or a file where a folder would have to be. */
const isGone = (error: Error): boolean => 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

/** Pipes, devices and links that lead nowhere would be left out otherwise. */
const AS_FILE = { isFile: () => true, isSymbolicLink: () => false }

function isToBeEntered(folder: string, entry: Dirent, followLinks: boolean): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  if (!followLinks) return false
  return statSync(join(folder, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false
}
