/** Finds the login to W&B where W&B's own client looks for it. */

import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { AuditError, EXIT, printable, usageError } from '../../errors.js'
import { readSmallFile, type SmallFile } from '../../regular-file.js'
import { apiAddress } from './address.js'
import { netrcPasswords } from './netrc.js'

export interface Credentials {
  readonly username: string
  readonly key: string
}

export interface CredentialOptions {
  /** `api` when absent, like W&B's client; W&B checks the key alone. */
  readonly username?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** When absent: the variable NETRC, `~/.netrc` or `~/_netrc`. */
  readonly netrcPath?: string | undefined
  /** Called when other users can read the key. */
  onWarning(text: string): void
}

/**
 * WANDB_API_KEY, or else the host's entry in ~/.netrc, which `wandb login` writes.
 *
 * @throws AuditError (usage) when the address is invalid, there is no key, or the username cannot be sent
 */
export async function credentials(baseUrl: string, options: CredentialOptions): Promise<Credentials> {
  const username = options.username ?? 'api'
  if (username.includes(':')) throw usageError('a username for W&B cannot contain a colon')
  const fromEnvironment = options.env.WANDB_API_KEY?.trim()
  if (fromEnvironment) return { username, key: fromEnvironment }
  const url = new URL(apiAddress(baseUrl, null, true).base)
  const key = netrcKey(options.netrcPath ?? netrcPath(options.env), url, options)
  if (key) return { username, key }
  throw usageError(
    `no API key for ${url.hostname}`,
    `Set WANDB_API_KEY, or run \`wandb login --host ${url.origin}\`; you can create a key at ${url.origin}/authorize.`,
  )
}

function netrcPath(env: CredentialOptions['env']): string {
  const home = env.HOME ?? homedir()
  if (env.NETRC) return env.NETRC.replace(/^~(?=\/|$)/, home)
  const [usual, windows] = [join(home, '.netrc'), join(home, '_netrc')]
  return existsSync(usual) || !existsSync(windows) ? usual : windows
}

/** W&B's client has written entries both with and without the port. */
function netrcKey(path: string, url: URL, options: CredentialOptions): string | undefined {
  const file = readIfThere(path)
  if (file === null) return undefined
  const passwords = netrcPasswords(decoded(file.bytes), printable(path))
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  const machine = [url.host, hostname, 'default'].find((name) => passwords.has(name))
  if ((file.mode & 0o077) !== 0 || !file.ours) {
    options.onWarning(`${printable(path)} holds keys that other users can read or change: chmod 600 it, and own it`)
  }
  return machine === undefined ? undefined : passwords.get(machine)
}

function readIfThere(path: string): SmallFile | null {
  try {
    return readSmallFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    const why = code ?? (error instanceof AuditError ? error.message : 'an unexpected error')
    throw new AuditError(`cannot read the logins in ${printable(path)}: ${why}`, {
      exitCode: EXIT.usage,
      advice: 'Give this user permission to read it, or set WANDB_API_KEY.',
    })
  }
}

/** A comment in another encoding must not make the keys unusable. */
function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}
