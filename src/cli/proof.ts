/** What a check of seals needs from elsewhere: public keys, and hashes of newer seals. */

import { readFileSync, statSync } from 'node:fs'
import { anchorsAt, anchorsIn, isWebhook } from '../archive/anchors.js'
import { openPlace } from '../archive/archive.js'
import type { CheckOptions } from '../archive/check-seals.js'
import { publicKeysIn } from './keys.js'
import { closeAll, type Session } from './session.js'

export type Proof = Pick<CheckOptions, 'publicKeys' | 'anchors'>

/** @throws AuditError, exit code 2, when the file of keys or the anchor cannot be used */
export async function proofOf(session: Session, publicKey: string | undefined): Promise<Proof> {
  const publicKeys = publicKey === undefined ? [] : publicKeysIn(publicKey)
  const { anchor } = session.settings
  if (anchor === undefined) return { publicKeys, anchors: [] }
  if (isWebhook(anchor)) {
    session.logger.info('hashes cannot be fetched from a webhook: give --anchor a file with the lines that it got')
    return { publicKeys, anchors: [] }
  }
  if (isFile(anchor)) return { publicKeys, anchors: anchorsIn(readFileSync(anchor, 'utf8'), anchor) }
  const place = await openPlace(anchor)
  try {
    return { publicKeys, anchors: await anchorsAt(place, session.signal) }
  } finally {
    await closeAll([place.store], session)
  }
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
