/** The keys of seals: Ed25519, in PEM files or, for signing, in the environment. */

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { AuditError, printable, usageError } from '../errors.js'
import { readSmallFile } from '../regular-file.js'

/** Holds the key itself, where secrets are not files. */
const VARIABLE = 'WANDB_AUDIT_SIGN_KEY_PEM'
const MAKE = 'Make one with: openssl genpkey -algorithm ed25519 -out seal-key.pem'

/**
 * @param file the setting `sign_key`
 * @param onWarning called when other users of this machine can read the file
 * @returns null when none is given
 * @throws AuditError, exit code 2, that quotes nothing of the key
 */
export function signingKey(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  onWarning: (text: string) => void,
): KeyObject | null {
  const pem = env[VARIABLE] || undefined
  if (file !== undefined && pem !== undefined)
    throw usageError(`both --sign-key and ${VARIABLE} are given`, 'Unset one of them.')
  if (pem !== undefined) return privateKey(pem, VARIABLE)
  if (file === undefined) return null
  const { text, mode } = keyFile(file)
  if ((mode & 0o007) !== 0) onWarning(`other users can read the signing key in ${printable(file)}`)
  return privateKey(text, printable(file))
}

/** Every key in a file, so that seals from before a change of keys can be checked too. @throws AuditError, exit code 2 */
export function publicKeysIn(file: string): readonly KeyObject[] {
  const blocks = keyFile(file).text.match(/-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----/g) ?? []
  if (blocks.length === 0)
    throw usageError(`${printable(file)} has no public key`, 'Print it with `wandb-audit seal --public-key`.')
  return blocks.map((pem) => ed25519(() => createPublicKey(pem), printable(file)))
}

/** In PEM, with a line end. */
export const publicPem = (key: KeyObject): string =>
  createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()

const privateKey = (pem: string, where: string): KeyObject => ed25519(() => createPrivateKey(pem), where)

function ed25519(read: () => KeyObject, where: string): KeyObject {
  let key: KeyObject
  try {
    key = read()
  } catch {
    throw usageError(`${where} holds no key in PEM, or one with a passphrase`, MAKE)
  }
  if (key.asymmetricKeyType === 'ed25519') return key
  throw usageError(`the key in ${where} is not Ed25519`, MAKE)
}

function keyFile(path: string): { readonly text: string; readonly mode: number } {
  try {
    const { bytes, mode } = readSmallFile(path)
    return { text: bytes.toString('latin1'), mode }
  } catch (error) {
    if (error instanceof AuditError) throw usageError(`key file ${printable(path)}: ${error.message}`)
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
    throw usageError(`key file ${printable(path)}: ${code}`)
  }
}
