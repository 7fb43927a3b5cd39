/** The login to W&B, found where W&B's own client looks for it. */

import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { AuditError, EXIT, usageError } from '../../errors.js'
import { apiAddress } from './address.js'

export interface Credentials {
  readonly username: string
  readonly key: string
}

export interface CredentialOptions {
  /** `api` when absent, as W&B's client has it; W&B looks at the key alone. */
  readonly username?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** The variable NETRC or `~/.netrc` when absent. */
  readonly netrcPath?: string | undefined
}

/**
 * WANDB_API_KEY, else the host's entry in ~/.netrc, which `wandb login` writes.
 *
 * @throws AuditError (usage) when the address is none, there is no key, or the username cannot be sent
 */
export async function credentials(baseUrl: string, options: CredentialOptions): Promise<Credentials> {
  const username = options.username ?? 'api'
  if (username.includes(':')) throw usageError('a username for W&B cannot hold a colon')
  const fromEnvironment = options.env.WANDB_API_KEY?.trim()
  if (fromEnvironment) return { username, key: fromEnvironment }
  const path = options.netrcPath ?? options.env.NETRC ?? join(options.env.HOME ?? homedir(), '.netrc')
  const { hostname, origin } = new URL(apiAddress(baseUrl, null, true).base)
  const key = netrcPassword(await readIfThere(path), hostname)
  if (key) return { username, key }
  throw usageError(
    `no API key for ${hostname}`,
    `Set WANDB_API_KEY, or run \`wandb login --host ${origin}\`; a key is made under /authorize there.`,
  )
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return ''
    throw new AuditError(`reading the logins in ${path} failed: ${String(code)}`, {
      exitCode: EXIT.usage,
      advice: 'Give this user the right to read it, or set WANDB_API_KEY.',
    })
  }
}

/**
 * The password of a host, or of `default`.
 *
 * Format: https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html; macros end at a blank line.
 */
export function netrcPassword(text: string, host: string): string | undefined {
  const tokens = text
    .replace(/^macdef [\s\S]*?(\n\s*\n|$(?![\s\S]))/gm, '')
    .replace(/^\s*#.*$/gm, '')
    .split(/\s+/)
    .filter((token) => token !== '')
  const passwords = new Map<string, string>()
  let machine: string | undefined
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]
    if (token === 'default') machine = ''
    else if (token === 'machine') machine = tokens[++i]
    else if (token === 'password' && machine !== undefined && !passwords.has(machine)) {
      passwords.set(machine, tokens[++i] ?? '')
    } else if (token === 'login' || token === 'account' || token === 'password') i++
  }
  return passwords.get(host) ?? passwords.get('')
}
