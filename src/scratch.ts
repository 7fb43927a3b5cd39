/** Temporary folders, private to their owner. They are removed at exit, or by the next process if this one is killed. */

import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { homedir, hostname, tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { AuditError, EXIT, printable } from './errors.js'
import { isOurs } from './regular-file.js'

/** Hosts and containers may share a home, and a process id is meaningful only within one of them. */
const PREFIX = `wandb-audit-${hostname().replace(/[^A-Za-z0-9.-]/g, '_')}-${pidNamespace()}-`

const made = new Set<string>()

/**
 * Creates a private folder with an unpredictable name, and removes folders that killed processes of this user left next
 * to it.
 *
 * @param parent when absent, the user's cache folder or, if that cannot be used, the system's temporary folder
 * @throws AuditError, exit code 2, when it cannot be created, for example on a read-only disk
 */
export async function scratchFolder(parent?: string): Promise<string> {
  const location = parent ?? (await ownCache()) ?? tmpdir()
  removeAbandoned(location)
  try {
    // At once, so that no signal arrives before the folder is known.
    const folder = mkdtempSync(join(location, `${PREFIX}${process.pid}-`))
    made.add(folder)
    return folder
  } catch (error) {
    throw unusable(location, parent === undefined ? 'in XDG_CACHE_HOME' : 'with --spool', error)
  }
}

function unusable(location: string, how: string, error: unknown): AuditError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
  return new AuditError(`no temporary folder can be created in ${printable(location)}: ${code}`, {
    advice: `Name an existing, writable folder ${how}.`,
    exitCode: EXIT.usage,
    outside: true,
    cause: error,
  })
}

/**
 * Removes a folder if it belongs to this user; through its descriptor, so that nobody can redirect it in the meantime.
 *
 * @throws the system's own error
 */
export function removeScratch(folder: string): void {
  made.delete(folder)
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants
  const descriptor = openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    if (!isOurs(fstatSync(descriptor).uid)) return
    // The only way to a folder's entries by descriptor; it exists on Linux only.
    const pinned = `/proc/self/fd/${descriptor}`
    const inside = existsSync(pinned) ? pinned : folder
    for (const name of readdirSync(inside)) rmSync(join(inside, name), { recursive: true, force: true })
  } finally {
    closeSync(descriptor)
  }
  rmdirSync(folder)
}

/** Removes the folders that this process created; called when it ends. */
export function removeAllScratch(): void {
  for (const folder of [...made]) removeIfPossible(folder)
}

/** Where `scratchFolder` would create a folder, or the nearest existing parent of that place; creates nothing. */
export function scratchLocation(parent?: string): string {
  if (parent !== undefined) return parent
  const { XDG_CACHE_HOME: named, HOME: home = homedir() } = process.env
  const cache = named !== undefined && isAbsolute(named) ? named : join(home, '.cache')
  return [join(cache, 'wandb-audit'), cache, home].find((folder) => existsSync(folder)) ?? tmpdir()
}

/** Prefers the cache to XDG_RUNTIME_DIR and the system's folder, which are often in memory: the spool takes gigabytes. */
async function ownCache(): Promise<string | null> {
  const { XDG_CACHE_HOME: named, HOME: home = homedir() } = process.env
  const cache = named !== undefined && isAbsolute(named) ? named : join(home, '.cache')
  const ours = join(cache, 'wandb-audit')
  try {
    // Does not create the home itself.
    for (const folder of [cache, ours]) await mkdir(folder, { mode: 0o700 }).catch(unlessExists)
    const stats = lstatSync(ours)
    if (!stats.isDirectory() || !isOurs(stats.uid)) return null
    if ((stats.mode & 0o077) !== 0) chmodSync(ours, 0o700)
    await access(ours, constants.W_OK | constants.X_OK)
    return ours
  } catch {
    return null
  }
}

const unlessExists = (error: unknown): void => {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
}

/** Keeps what cannot be inspected or removed, which is usually another user's. */
function removeAbandoned(parent: string): void {
  for (const name of namesIn(parent)) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : Number.NaN
    if (Number.isInteger(pid) && !isRunning(pid)) removeIfPossible(join(parent, name))
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function removeIfPossible(folder: string): void {
  try {
    removeScratch(folder)
  } catch {
    made.delete(folder)
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')
  } catch {
    return '0'
  }
}
