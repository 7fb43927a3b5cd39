/** Records which settings files the user trusts, by path and content, in the user's own configuration. */

import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, realpathSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { readSmallFile, replaceFile } from '../regular-file.js'

type Environment = Readonly<Record<string, string | undefined>>

/** `changed`: trusted once, with other content. */
export type Trust = 'trusted' | 'changed' | 'unknown'

export function trustOf(path: string, content: Uint8Array, env: Environment): Trust {
  try {
    const { bytes, mode, ours } = readSmallFile(recordOf(path, env))
    // Another user must not be able to record trust for this one.
    if (!ours || (mode & 0o022) !== 0) return 'unknown'
    return bytes.toString('utf8') === line(path, content) ? 'trusted' : 'changed'
  } catch {
    return 'unknown'
  }
}

/** @throws the system's own error */
export function recordTrust(path: string, content: Uint8Array, env: Environment): void {
  const record = recordOf(path, env)
  const folder = dirname(record)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const ours of [folder, dirname(folder)]) chmodSync(ours, 0o700)
  replaceFile(record, line(path, content))
}

/** @throws the system's own error */
export function removeTrust(path: string, env: Environment): void {
  rmSync(recordOf(path, env), { force: true })
}

/** One file for each path, so that concurrent commands do not overwrite each other's records. */
function recordOf(path: string, env: Environment): string {
  const { XDG_CONFIG_HOME: config, HOME: home = homedir() } = env
  // https://specifications.freedesktop.org/basedir-spec: a relative path is to be ignored
  const folder = config !== undefined && isAbsolute(config) ? config : join(home, '.config')
  return join(folder, 'wandb-audit', 'trusted', digest(canonical(path)))
}

/** The format of sha256sum. */
const line = (path: string, content: Uint8Array): string => `${digest(content)}  ${canonical(path)}\n`

const digest = (of: string | Uint8Array): string => createHash('sha256').update(of).digest('hex')

/** Works for a file that no longer exists. */
function canonical(path: string): string {
  const absolute = resolve(path)
  try {
    return join(realpathSync(dirname(absolute)), basename(absolute))
  } catch {
    return absolute
  }
}
