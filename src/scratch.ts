/** Temporary folders: for their owner only, and gone with the process or, where that was killed, with the next one. */

import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { access, mkdir, mkdtemp } from 'node:fs/promises'
import { homedir, hostname, tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { isOurs } from './regular-file.js'

/** A home can be shared by hosts and by containers, and a process id means something within one of them only. */
const PREFIX = `wandb-audit-${hostname().replace(/[^A-Za-z0-9.-]/g, '_')}-${pidNamespace()}-`

const made = new Set<string>()

/**
 * Makes a folder only its owner may enter, under a name nobody can guess, and removes those that this user's killed
 * processes left beside it.
 *
 * @param parent the user's own cache folder when absent; where that cannot serve, the system's temporary folder
 */
export async function scratchFolder(parent?: string): Promise<string> {
  const place = parent ?? (await ownPlace()) ?? tmpdir()
  removeAbandoned(place)
  const folder = await mkdtemp(join(place, `${PREFIX}${process.pid}-`))
  made.add(folder)
  return folder
}

/**
 * Removes a folder if it is this user's own: by its descriptor, so that nobody can make it lead elsewhere meanwhile.
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
    // There is no other way to a folder by its descriptor, and none at all beyond Linux.
    const pinned = `/proc/self/fd/${descriptor}`
    const inside = existsSync(pinned) ? pinned : folder
    for (const name of readdirSync(inside)) rmSync(join(inside, name), { recursive: true, force: true })
  } finally {
    closeSync(descriptor)
  }
  rmdirSync(folder)
}

/** What this process made and has not removed; for its end, wherever that is. */
export function removeAllScratch(): void {
  for (const folder of [...made]) removeIfPossible(folder)
}

/** Not XDG_RUNTIME_DIR, nor the system's folder first: both often lie in memory, and the spool takes gigabytes. */
async function ownPlace(): Promise<string | null> {
  const { XDG_CACHE_HOME: named, HOME: home = homedir() } = process.env
  const cache = named !== undefined && isAbsolute(named) ? named : join(home, '.cache')
  const place = join(cache, 'wandb-audit')
  try {
    // A home that is not there is not made.
    for (const folder of [cache, place]) await mkdir(folder, { mode: 0o700 }).catch(unlessThere)
    const stats = lstatSync(place)
    if (!stats.isDirectory() || !isOurs(stats.uid)) return null
    if ((stats.mode & 0o077) !== 0) chmodSync(place, 0o700)
    await access(place, constants.W_OK | constants.X_OK)
    return place
  } catch {
    return null
  }
}

const unlessThere = (error: unknown): void => {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
}

/** What cannot be looked at or removed stays: another user's, as a rule. */
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
