/** What a command knows of privacy: the rules of the settings, and the key of the environment. */

import { readPrivacyKey, requireKey } from '../privacy/key.js'
import { needsKey, rulesOf } from '../privacy/rules.js'
import type { Privacy } from '../privacy/shown.js'
import type { Session } from './session.js'

/** @throws AuditError, exit code 2, when the rules contradict each other, or a key is needed and there is none */
export function privacyOf({ settings, logger }: Pick<Session, 'settings' | 'logger'>): Privacy {
  const rules = rulesOf(settings.privacy)
  const key = readPrivacyKey(process.env, (text) => logger.warn(text))
  if (needsKey(rules)) requireKey(key, 'privacy: a pseudonym')
  return { rules, key, erased: new Set() }
}
