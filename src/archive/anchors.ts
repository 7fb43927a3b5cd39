/** Where the hashes of new seals are stated once more, so that whoever has the archive cannot shorten its chains unnoticed. */

import { AuditError, printable, usageError } from '../errors.js'
import { REQUEST_RETRIES, type RetryPolicy } from '../retry.js'
import { NewObjects } from '../stores/new-objects.js'
import { type ArchivePlace, objectsOf, openPlace } from './archive.js'
import { readSeal } from './chain.js'
import type { Anchor } from './check-chain.js'
import { parseSealKey, sealKey } from './seal.js'
import type { NewSeal } from './sealing.js'

export interface AnchorPlace {
  /** For messages: without a path, which may be a secret. */
  readonly id: string
  /** @throws AuditError when the seal is not there for certain */
  put(seal: NewSeal, bytes: Buffer, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export const isWebhook = (address: string): boolean => /^https?:/i.test(address)

/**
 * @param address of a webhook (https), or of a bucket or folder, which gets a copy of each seal
 * @throws AuditError, exit code 2, when it is none of these
 */
export async function openAnchor(address: string, retries: RetryPolicy = REQUEST_RETRIES): Promise<AnchorPlace> {
  return isWebhook(address) ? webhook(address, retries) : copies(await openPlace(address))
}

async function webhook(address: string, retries: RetryPolicy): Promise<AnchorPlace> {
  const { openWebhook } = await import('../webhook.js')
  const purpose = { what: 'an anchor that is a webhook', option: '--anchor', doing: 'send the hash of a seal' }
  const { id, post, close } = openWebhook(address, purpose, retries)
  return { id, put: (seal, _bytes, signal) => post(seal, signal), close }
}

function copies({ store, prefix, id }: ArchivePlace): AnchorPlace {
  const seals = new NewObjects(store, id)
  return {
    id,
    async put({ source, number, sha256 }, bytes, signal) {
      const key = prefix + sealKey(source, number)
      if (await seals.write(key, bytes, signal)) return
      const object = await store.find(key, signal)
      const there = object === null ? null : await readSeal(store, object, signal)
      if (there?.sha256 === sha256) return
      throw new AuditError(`${printable(id)} holds another seal ${number} of ${printable(source)}`, {
        advice:
          'Either two archives share the anchor, or a chain was cut off and written anew: run wandb-audit verify.',
        outside: true,
      })
    },
    close: () => store.close(),
  }
}

/**
 * The seals in a bucket or folder that has copies: all of them, because those after a forged one fit to it.
 *
 * @throws AuditError when there is none
 */
export async function anchorsAt(place: ArchivePlace, signal: AbortSignal): Promise<readonly Anchor[]> {
  const anchors: Anchor[] = []
  for await (const object of objectsOf(place, signal, 'seals/')) {
    const parsed = parseSealKey(object.key.slice(place.prefix.length))
    const read = parsed === null ? null : await readSeal(place.store, object, signal)
    if (parsed !== null && read !== null) anchors.push({ ...parsed, sha256: read.sha256 })
  }
  if (anchors.length > 0) return anchors
  throw new AuditError(`there is no copy of a seal at ${printable(place.id)}`, {
    advice:
      'Name the address that was given to --anchor when the archive was sealed; if it is right, the copies are gone.',
  })
}

/**
 * Those in lines of JSON with source, number and sha256: what a webhook got, or a log in JSON. Other lines are passed over.
 *
 * @throws AuditError, exit code 2, when there is none
 */
export function anchorsIn(text: string, where: string): readonly Anchor[] {
  const anchors = text.split('\n').flatMap((line): Anchor[] => {
    try {
      const { source, number, sha256 } = JSON.parse(line) as Record<string, unknown>
      const isAnchor =
        typeof source === 'string' && Number.isSafeInteger(number) && /^[0-9a-f]{64}$/.test(String(sha256))
      return isAnchor ? [{ source, number: Number(number), sha256: String(sha256) }] : []
    } catch {
      return []
    }
  })
  if (anchors.length > 0) return anchors
  throw usageError(`${printable(where)} has no hash of a seal`, 'Give it lines of JSON with source, number and sha256.')
}
