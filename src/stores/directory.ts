/** A local folder as an object store. */

import { createHash, randomUUID } from 'node:crypto'
import type { BigIntStats, Dirent } from 'node:fs'
import {
  copyFile,
  type FileHandle,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { AuditError, interrupted, printable } from '../errors.js'
import { isOurs } from '../regular-file.js'
import { removeScratch } from '../scratch.js'
import type { Content, ObjectStore, StoredObject, WriteCondition } from './contract.js'

export interface DirectoryStore extends ObjectStore {
  /** Creates a folder on the same disk; the caller removes it. */
  scratch(): Promise<string>
  /**
   * Hard-links exactly this version to `path`, so that it stays readable when it is replaced. Null when the version is gone;
   * false when the file system or the operating system does not support that.
   */
  pin(object: Pick<StoredObject, 'key' | 'version'>, path: string): Promise<boolean | null>
}

/** The subfolder for files that are being written; readers of the other folders skip it. */
const UNFINISHED = '.unfinished'
/** No write, merge or query takes this long; anything older was left by a process that was killed. */
const LEFT_BEHIND_MS = 86_400_000
/** Gives up after this many looks at a folder in which files keep vanishing. */
const MOST_LOOKS = 100

/**
 * Objects are files. A write makes its file appear, or replaces another, by a single rename or link, so readers always get a
 * whole file.
 *
 * Each version can be replaced only once. Writers race to create a symbolic link named after the version, pointing to the
 * new content; the one who creates it wins. The winner renames the content into place, and so may anyone else who finds
 * the link; the rename consumes its source, so it happens once. Nobody waits, no lock outlives a killed process, and no
 * clock decides.
 *
 * @param path the folder; created on the first write if its parent exists. Modes follow the process's umask.
 */
export function directoryStore(path: string): DirectoryStore {
  const root = resolve(path)
  const unfinished = join(root, UNFINISHED)
  const fileOf = (key: string): string => join(root, checkedKey(key))
  let ready: Promise<void> | undefined

  async function guarded<T>(
    what: string,
    name: string,
    signal: AbortSignal | null,
    work: () => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) throw interrupted()
    try {
      return await work()
    } catch (error) {
      throw asAuditError(`${what} ${printable(join(root, name))}`, error)
    }
  }

  async function makeRoot(): Promise<void> {
    await mkdir(root).catch(unless('EEXIST'))
    await mkdir(unfinished).catch(unless('EEXIST'))
    await removeLeftBehind(unfinished)
  }

  async function find(key: string): Promise<StoredObject | null> {
    const stats = await statOf(fileOf(key))
    if (stats === null || !stats.isFile()) return null
    return { key, bytes: Number(stats.size), version: versionOf(stats), lastModified: stats.mtime }
  }

  /**
   * A folder is listed as it is at one moment: if a file is gone by the time it is looked at, the one that took its place may not be
   * among the names, so the folder is read again.
   */
  async function* listed(folder: string, prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    let [folders, objects]: [string[], (StoredObject | null)[]] = [[], []]
    for (let look = 0; look === 0 || (objects.includes(null) && look < MOST_LOOKS); look++) {
      const entries = await guarded('looking at', folder, signal, () => entriesOf(join(root, folder)))
      const wanted = entries.filter(
        ({ name }) => `${folder}${name}/`.startsWith(prefix) && `${folder}${name}` !== UNFINISHED,
      )
      folders = wanted.filter((entry) => entry.isDirectory()).map(({ name }) => `${folder}${name}/`)
      objects = []
      for (const { name } of wanted.filter((entry) => entry.isFile() && `${folder}${entry.name}`.startsWith(prefix)))
        objects.push(await guarded('looking at', `${folder}${name}`, signal, () => find(`${folder}${name}`)))
    }
    for (const object of objects) if (object !== null) yield object
    for (const each of folders) yield* listed(each, prefix, signal)
  }

  /** @returns whether `content`, a file in `unfinished`, is what replaced the version */
  async function replace(key: string, version: string, content: string): Promise<boolean> {
    if ((await find(key))?.version !== version) return false
    const claim = join(unfinished, claimName(key, version))
    const won = await symlink(basename(content), claim).then(() => true, unless('EEXIST', false))
    const source = won ? content : join(unfinished, basename(await readlink(claim)))
    try {
      await rename(source, fileOf(key)).catch(unless('ENOENT'))
    } catch (error) {
      // Withdraw the claim; the content first, so that nobody finishes a replacement that failed.
      for (const path of won ? [content, claim] : []) await rm(path, { force: true })
      throw error
    }
    return won
  }

  async function publish(key: string, content: string, condition: WriteCondition): Promise<boolean> {
    if (condition === 'absent') return link(content, fileOf(key)).then(() => true, unless('EEXIST', false))
    if (condition !== 'any') return replace(key, condition.version, content)
    for (;;) {
      const existing = await find(key)
      if (await publish(key, content, existing ?? 'absent')) return true
    }
  }

  return {
    id: `file://${root}`,

    async *list(prefix, signal) {
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
      if (folder !== '') checkedKey(folder.slice(0, -1))
      yield* listed(folder, prefix, signal)
    },

    find: (key, signal) => guarded('looking at', key, signal, () => find(key)),

    read: ({ key, version }, from, signal) =>
      guarded('reading', key, signal, async () => {
        if ((await find(key))?.version !== version) return null
        return { chunks: chunksOf(fileOf(key), version, from, signal), checksum: null }
      }),

    write: (key, content, condition, signal) =>
      guarded('writing', key, signal, async () => {
        const target = fileOf(key)
        ready ??= makeRoot()
        await ready
        await makeFolder(dirname(target))
        const file = join(unfinished, randomUUID())
        try {
          const version = await fill(file, content)
          if (!(await publish(key, file, condition))) return null
          await sync(dirname(target))
          return version
        } finally {
          await rm(file, { force: true })
        }
      }),

    remove: (key, signal) => guarded('removing', key, signal, () => rm(fileOf(key), { force: true })),

    async scratch() {
      return guarded('making', UNFINISHED, null, async () => {
        ready ??= makeRoot()
        await ready
        return mkdtemp(join(unfinished, 'scratch-'))
      })
    },

    pin: ({ key, version }, second) =>
      guarded('reading', key, null, async () => {
        const made = await link(fileOf(key), second)
          .then(() => true, unless('ENOENT', null))
          .catch(() => false)
        if (made !== true) return made
        const named = await statOf(second)
        if (named !== null && versionOf(named) === version) return true
        await rm(second)
        return null
      }),

    async close() {},
  }
}

/** Identifies the file and when it was written; files are never changed in place. */
const versionOf = ({ ino, mtimeNs, size }: BigIntStats): string => `${ino}-${mtimeNs}-${size}`

const claimName = (key: string, version: string): string =>
  `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.${version}`

const statOf = (path: string): Promise<BigIntStats | null> =>
  lstat(path, { bigint: true }).catch(unless('ENOENT', null)).catch(unless('ENOTDIR', null))

/** Refuses keys, which also come from outside, that lead out of the folder or into the store's own part of it. */
function checkedKey(key: string): string {
  const parts = key.split('/')
  if (parts[0] === UNFINISHED || parts.some((part) => ['', '.', '..'].includes(part) || part.includes('\0')))
    throw new AuditError(`no file of a folder can be called ${printable(key)}`)
  return key
}

const entriesOf = (path: string): Promise<Dirent[]> =>
  readdir(path, { withFileTypes: true }).catch(unless('ENOENT', [])).catch(unless('ENOTDIR', []))

/** Opens the file when the first chunk is requested, so that a reading that never starts holds no descriptor. */
async function* chunksOf(path: string, version: string, from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    const file = await open(path)
    const same = versionOf(await file.stat({ bigint: true })) === version
    if (same) return yield* file.createReadStream({ start: from, signal })
    await file.close()
    throw new AuditError(`${printable(path)} was replaced before it was read`, { retryable: true })
  } catch (error) {
    throw signal.aborted ? interrupted() : asAuditError(`reading ${printable(path)}`, error)
  }
}

/** Writes a new file and syncs it to disk. Returns its version. */
async function fill(path: string, content: Content): Promise<string> {
  if (content instanceof Uint8Array) await writeFile(path, content, { flag: 'wx' })
  else await copyFile(content.file, path).catch(rethrown(`copying ${printable(content.file)}`))
  return synced(await open(path, 'r+'), async (file) => {
    // The clock may not advance for milliseconds, while inodes are reused; a random time keeps versions distinct.
    const unique = Date.now() / 1000 + Math.random()
    await file.utimes(unique, unique)
    return versionOf(await file.stat({ bigint: true }))
  })
}

/** Creates missing folders and syncs them to disk before anything is put into them. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  for (let folder = path; folder.length >= first.length; folder = dirname(folder)) await sync(dirname(folder))
}

const sync = async (folder: string): Promise<void> => synced(await open(folder), async () => {})

async function synced<T>(file: FileHandle, look: (file: FileHandle) => Promise<T>): Promise<T> {
  try {
    const seen = await look(file)
    await file.sync()
    return seen
  } finally {
    await file.close()
  }
}

/** Removes contents before the links to them. A link without content replaces nothing, so it may stay a little longer. */
async function removeLeftBehind(unfinished: string): Promise<void> {
  const old = []
  for (const { name } of await readdir(unfinished, { withFileTypes: true })) {
    const stats = await statOf(join(unfinished, name))
    // Leaves other users' files alone: what looks abandoned may be made to lead elsewhere.
    if (stats === null || !isOurs(Number(stats.uid)) || Date.now() - Number(stats.mtimeMs) <= LEFT_BEHIND_MS) continue
    if (stats.isDirectory()) removeScratch(join(unfinished, name))
    else old.push({ name, link: stats.isSymbolicLink() })
  }
  for (const links of [false, true])
    for (const { name, link: isLink } of old) if (isLink === links) await rm(join(unfinished, name), { force: true })
}

/** For `catch`: returns `value` when the error has this code. */
function unless<T = undefined>(code: string, value?: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === code) return value as T
    throw error
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'Make the parent folder first, or choose another location.',
  EEXIST: 'A file has the name that a folder needs: choose another location.',
  ENOTDIR: 'A file has the name that a folder needs: choose another location.',
  EACCES: 'Give this user permission, or choose another location.',
  EPERM: 'Give this user permission, or choose another location.',
  EROFS: 'The disk is read-only: choose another location.',
  ENOSPC: 'Free some space on the disk.',
  EDQUOT: "Free some space within the user's quota.",
}

/** For `catch`: rethrows as AuditError. */
const rethrown = (what: string) => (error: unknown) => {
  throw asAuditError(what, error)
}

function asAuditError(what: string, error: unknown): AuditError {
  if (error instanceof AuditError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
  const advice = ADVICE[code]
  return new AuditError(`${what}: ${code}`, {
    outside: true,
    cause: error,
    ...(advice === undefined ? {} : { advice }),
  })
}
