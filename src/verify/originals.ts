/** Reads every document of an archive, and proves that its bytes are those that its name states. */

import { type ArchivePlace, objectsOf } from '../archive/archive.js'
import { dayInName, keyOf, parseKey } from '../archive/format.js'
import { altered, openArchived } from '../archive/reading.js'
import { AuditError, printable } from '../errors.js'
import type { StoredObject } from '../stores/contract.js'
import type { Finding } from './findings.js'

export interface Originals {
  readonly documents: number
  readonly findings: readonly Finding[]
  /** Errors of documents that could not be read, which says nothing about them. */
  readonly unread: readonly AuditError[]
}

/** @throws AuditError when the archive cannot be read at all */
export async function checkOriginals(
  place: ArchivePlace,
  concurrency: number,
  signal: AbortSignal,
): Promise<Originals> {
  let documents = 0
  const findings: Finding[] = []
  const unread: AuditError[] = []
  const objects = objectsOf(place, signal)[Symbol.asyncIterator]()
  const work = async (): Promise<void> => {
    for (let next = await objects.next(); next.done !== true; next = await objects.next()) {
      const object = next.value
      const parsed = parseKey(object.key.slice(place.prefix.length))
      if (parsed === null) continue
      documents++
      try {
        await prove(place, object, parsed.sha256, signal)
      } catch (error) {
        if (signal.aborted || !(error instanceof AuditError)) throw error
        if (error.outside || error.retryable) unread.push(error)
        else findings.push(damaged(object.key, parsed.source))
      }
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: concurrency }, work))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  if (documents === 0) {
    throw new AuditError(`there is no archived document at ${printable(place.id)}`, {
      advice: 'Name the address that was given to --archive.',
    })
  }
  return { documents, findings, unread }
}

async function prove(
  { store, prefix }: ArchivePlace,
  object: StoredObject,
  sha256: string,
  signal: AbortSignal,
): Promise<void> {
  if (object.archived !== undefined) {
    throw new AuditError('an object is in an archive tier', { advice: object.archived, outside: true })
  }
  const opened = await openArchived(store, object, sha256, signal)
  if (opened === null) throw altered('it was removed or replaced while it was read')
  try {
    if (prefix + keyOf(opened.heading, sha256) !== object.key) throw altered('its heading does not fit its name')
    for await (const _ of opened.bytes);
  } finally {
    await opened.close()
  }
}

const damaged = (key: string, source: string): Finding => ({
  ...{ what: 'archived document', kind: 'altered', columns: [], count: 1, ids: [] },
  ...{ source, day: dayInName(key), document: key },
})
