/** Counts again what seals state of their documents. */

import { isDeepStrictEqual } from 'node:util'
import { AuditError } from '../errors.js'
import type { ArchivePlace } from './archive.js'
import type { Contents, Totals } from './contents.js'
import { type Finding, Findings } from './findings.js'
import { parseKey } from './format.js'
import { type Counting, readBack } from './read-back.js'
import { type Seal, type SealedDocument, sealKey } from './seal.js'
import { inOrder, parsedSeal, sealsBySource } from './seal-files.js'
import { type Listed, reporting, TOGETHER } from './sealing.js'
import { SomeErrors } from './some-errors.js'

export interface Recount {
  /** Of the kind `seal untrue` only. */
  readonly findings: readonly Finding[]
  /** Why some seals could not be recounted. */
  readonly errors: SomeErrors
}

/** A seal, and the objects of those of its documents that it counted. */
interface Counted {
  readonly seal: Seal
  readonly objects: readonly Listed[]
}

/**
 * Reads the documents of each seal through the pipeline. Passes over seals of which a document is gone or is not what it was:
 * `checkSeals` finds those.
 *
 * @param isWanted by the day of a seal; null where its documents have none
 * @throws AuditError when the archive cannot be read, or the signal is aborted
 */
export async function recountSeals(counting: Counting, isWanted: (day: string | null) => boolean): Promise<Recount> {
  const { place, signal } = counting
  const findings = new Findings()
  const errors = new SomeErrors()
  for (const [source, seals] of await sealsBySource(place, signal)) {
    let together: Counted[] = []
    const recount = async (): Promise<void> => {
      await recountTogether(source, together, counting, findings, (error) => errors.add(error))
      together = []
    }
    for await (const { number, read } of inOrder(place, seals, counting)) {
      const seal = read?.bytes == null ? undefined : parsedSeal(read.bytes)?.seal
      if (seal?.source !== source || seal.number !== number || !isWanted(seal.day)) continue
      const objects = await objectsOf(seal, counting)
      if (objects === null) continue
      const all = [...together.flatMap((each) => each.objects), ...objects]
      const bytes = all.reduce((sum, { object }) => sum + object.bytes, 0)
      const isFull = together.length === TOGETHER.parts || all.length > TOGETHER.documents || bytes > TOGETHER.bytes
      if (together.length > 0 && isFull) await recount()
      together.push({ seal, objects })
    }
    if (together.length > 0) await recount()
  }
  return { findings: findings.list(), errors }
}

async function recountTogether(
  source: string,
  seals: readonly Counted[],
  counting: Counting,
  findings: Findings,
  onError: (error: AuditError) => void,
): Promise<void> {
  // What fails for all of them may be the fault of one.
  const contents = await reporting(counting, seals.length > 1 ? () => {} : onError, () =>
    readBack(
      source,
      seals.map(({ objects }) => objects),
      counting,
    ),
  )
  if (contents === null) {
    if (seals.length > 1) for (const seal of seals) await recountTogether(source, [seal], counting, findings, onError)
    return
  }
  for (const [i, { seal }] of seals.entries()) {
    if (isTrue(seal, contents(i), onError)) continue
    findings.add('seal untrue', source, seal.day, sealKey(source, seal.number))
  }
}

/** Whether the seal states what its documents hold; also true if that cannot be determined. */
function isTrue(seal: Seal, contents: Contents, onError: (error: AuditError) => void): boolean {
  const documents = countedIn(seal)
  const failure = documents.map(({ key }) => contents.failure(key)).find((error) => error !== undefined)
  if (failure !== undefined) onError(failure)
  if (documents.some(({ key }) => contents.counts(key) === undefined)) return true
  const { events, days, other_days } = contents.totals
  const sum = (of: 'lines' | 'rejects'): number =>
    documents.reduce((total, { key }) => total + (contents.counts(key)?.[of] ?? 0), 0)
  const found = {
    lines: sum('lines'),
    events,
    rejects: sum('rejects'),
    ...actionsAsIn(seal, contents.totals),
    days,
    other_days,
  }
  const { lines, rejects } = seal
  const stated = { lines, events: seal.events, rejects, actions: seal.actions, other_actions: seal.other_actions }
  return (
    isDeepStrictEqual({ ...stated, days: seal.days, other_days: seal.other_days }, found) &&
    documents.every((document) => isDocument(document, contents))
  )
}

/** An action that was documented only after the seal was made is one of its other actions. */
function actionsAsIn(seal: Seal, { actions, other_actions }: Totals): Pick<Totals, 'actions' | 'other_actions'> {
  const all = Object.entries(actions)
  const named = all.filter(([action]) => Object.hasOwn(seal.actions, action))
  const sum = (of: typeof all): number => of.reduce((total, [, events]) => total + events, 0)
  return { actions: Object.fromEntries(named), other_actions: other_actions + sum(all) - sum(named) }
}

function isDocument(
  { key, document, version, bytes, sha256, lines, rejects }: SealedDocument,
  contents: Contents,
): boolean {
  const heading = contents.heading(key)
  const stated = { document, version, sha256, bytes, lines, rejects }
  const found = { document: heading?.document, version: heading?.version, sha256: parseKey(key)?.sha256 }
  return isDeepStrictEqual(stated, { ...found, ...contents.counts(key) })
}

const countedIn = ({ documents }: Seal): readonly SealedDocument[] => documents.filter(({ lines }) => lines !== null)

/** Null when one of them is gone. */
async function objectsOf(seal: Seal, { place, concurrency, signal }: Counting): Promise<readonly Listed[] | null> {
  const objects: Listed[] = []
  const waiting = countedIn(seal).values()
  let isWhole = true
  const work = async (): Promise<void> => {
    for (const { key } of waiting) {
      const object = await findDocument(place, seal.source, key, signal)
      if (object === null) isWhole = false
      else objects.push(object)
      if (!isWhole) return
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: concurrency }, work))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  return isWhole ? objects : null
}

/** Also null if the key is not that of a document of this source: a forged seal may name anything. */
async function findDocument(
  { store, prefix }: ArchivePlace,
  source: string,
  key: string,
  signal: AbortSignal,
): Promise<Listed | null> {
  const parsed = parseKey(key)
  if (parsed?.source !== source) return null
  const object = await store.find(prefix + key, signal).catch((error: unknown) => {
    // The store allows no such key.
    if (error instanceof AuditError && !error.outside && !error.retryable && !signal.aborted) return null
    throw error
  })
  return object === null ? null : { key, object, sha256: parsed.sha256 }
}
