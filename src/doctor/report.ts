/** Takes out of a report what must not be in it: it may be attached to a bug report. */

import { homedir } from 'node:os'
import type { Result } from './doctor.js'

/** Names of variables that hold secrets. */
const SECRET_NAMES = /KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|CONNECTION_STRING|SAS|PROXY|WEBHOOK|PING|ANCHOR|PEM/i
const SHORTEST_SECRET = 6

/** A login in a URL; `://` and what follows the @ stay. */
const LOGIN = /(?<=:\/\/)[^\s/?#]+(?=@)/g
/** What signs a URL, also as a part of another text. */
const SIGNATURE = /(?<=\b(?:sig|signature|x-amz-signature|x-goog-signature|accountkey)=)[^\s&;"'<>]+/gi

const EMAIL = /[^\s@"'<>(),;:/]+@[^\s@"'<>(),;:/]+\.[^\s@"'<>(),;:/.]+/g

/**
 * Replaces secrets of the environment, paths of URLs given as secrets, logins and signatures in URLs, e-mail addresses and the
 * home folder.
 *
 * @param secrets further texts that must not appear
 */
export function redacting(env: NodeJS.ProcessEnv, secrets: readonly (string | undefined)[]): (text: string) => string {
  const fromEnvironment = Object.entries(env).flatMap(([name, value]) => (SECRET_NAMES.test(name) ? [value] : []))
  const all = [...fromEnvironment, ...secrets]
    .filter((value): value is string => value !== undefined && value.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length)
  const home = env.HOME ?? homedir()
  return (text) => {
    let clean = text
    for (const secret of all) clean = clean.replaceAll(secret, '…')
    if (home.length > 1) clean = clean.replaceAll(home, '~')
    return clean.replaceAll(LOGIN, '…').replaceAll(SIGNATURE, '…').replaceAll(EMAIL, '…@…')
  }
}

export const redacted = (result: Result, clean: (text: string) => string): Result => ({
  ...result,
  subject: clean(result.subject),
  message: clean(result.message),
  cure: result.cure === null ? null : clean(result.cure),
})
