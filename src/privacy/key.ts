/** The secret key of pseudonyms and of what is remembered of erasures. */

import { createHmac } from 'node:crypto'
import { AuditError, printable, usageError } from '../errors.js'
import { readSmallFile, type SmallFile } from '../regular-file.js'

const VARIABLE = 'WANDB_AUDIT_PRIVACY_KEY'
const FILE_VARIABLE = 'WANDB_AUDIT_PRIVACY_KEY_FILE'
/** As many as `openssl rand -base64 24` writes: 192 random bits. */
const LEAST_CHARACTERS = 32

export interface PrivacyKey {
  /**
   * HMAC-SHA-256 of the text, as 64 hex digits.
   *
   * @param purpose keeps one text's values for several purposes apart
   */
  keyed(purpose: string, text: string): string
  /** Tells keys apart and reveals nothing of them: 32 hex digits. */
  readonly check: string
}

/** @param secret any text */
export function privacyKey(secret: string | Uint8Array): PrivacyKey {
  const keyed = (purpose: string, text: string): string =>
    createHmac('sha256', secret).update(`${purpose}\0${text}`, 'utf8').digest('hex')
  return { keyed, check: keyed('check', '').slice(0, 32) }
}

/**
 * The key from the environment or from the file that it names, without white space around it; null when there is none.
 *
 * @throws AuditError, exit code 2, when the file cannot be read, or the key is too short to be random
 */
export function readPrivacyKey(
  env: Readonly<Record<string, string | undefined>>,
  onWarning: (text: string) => void,
): PrivacyKey | null {
  const path = env[FILE_VARIABLE]
  const secret = (env[VARIABLE] || (path ? fromFile(path, onWarning) : '')).trim()
  if (secret === '' && !path) return null
  if (secret.length < LEAST_CHARACTERS) {
    throw usageError(
      `the privacy key has ${secret.length} characters, and needs at least ${LEAST_CHARACTERS}`,
      'Make one with `openssl rand -hex 32`.',
    )
  }
  return privacyKey(secret)
}

function fromFile(path: string, onWarning: (text: string) => void): string {
  const { bytes, mode, ours } = fileAt(path)
  if ((mode & 0o077) !== 0 || !ours) {
    onWarning(
      `${printable(path)} holds the privacy key, and other users can read or change it: chmod 600 it, and own it`,
    )
  }
  return bytes.toString('utf8')
}

function fileAt(path: string): SmallFile {
  try {
    return readSmallFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    const why = code ?? (error instanceof AuditError ? error.message : 'an unexpected error')
    throw usageError(`cannot read the privacy key in ${printable(path)}: ${why}`)
  }
}

/** @throws AuditError, exit code 2, when there is no key */
export function requireKey(key: PrivacyKey | null, what: string): PrivacyKey {
  if (key !== null) return key
  throw usageError(
    `${what} needs the privacy key`,
    `Name the file that holds it in ${FILE_VARIABLE}, or set ${VARIABLE}. A new key: \`openssl rand -hex 32\`.`,
  )
}
