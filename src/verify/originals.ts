/** Checks an archive against its seals, and says in the words of `verify` what it found. */

import { type ArchivePlace, noDocument } from '../archive/archive.js'
import type { Anchor } from '../archive/check-chain.js'
import { type CheckOptions, checkSeals } from '../archive/check-seals.js'
import { FINDINGS, type FindingKind } from '../archive/findings.js'
import type { Recount } from '../archive/recount.js'
import { SomeErrors } from '../archive/some-errors.js'
import type { AuditError } from '../errors.js'
import type { Finding } from './findings.js'

export interface Originals {
  readonly documents: number
  readonly seals: number
  /** The newest seal of each source. */
  readonly heads: readonly Anchor[]
  readonly findings: readonly Finding[]
  /** What is worth knowing, and not wrong. */
  readonly notes: readonly string[]
  /** Errors of documents that could not be read, which says nothing about them. */
  readonly unread: readonly AuditError[]
  /** How many more errors there were. */
  readonly moreUnread: number
}

type Fault = Exclude<FindingKind, 'document unreadable' | 'document not sealed yet' | 'stray object'>

const FAULTS: Readonly<Record<Fault, Pick<Finding, 'what' | 'kind'>>> = {
  'document missing': { what: 'archived document', kind: 'missing' },
  'document altered': { what: 'archived document', kind: 'altered' },
  'document not sealed': { what: 'unsealed document', kind: 'extra' },
  'seal missing': { what: 'seal', kind: 'missing' },
  'seal altered': { what: 'seal', kind: 'altered' },
  'seal untrue': { what: 'seal statement', kind: 'altered' },
  'seal out of chain': { what: 'seal link', kind: 'altered' },
  'signature missing': { what: 'seal signature', kind: 'missing' },
  'signature bad': { what: 'seal signature', kind: 'altered' },
  'end missing': { what: 'newest seal', kind: 'missing' },
}

const isFault = (kind: FindingKind): kind is Fault => kind in FAULTS

/**
 * @param recount counts the documents of each seal again; called only if there are seals
 * @throws AuditError when the archive cannot be read at all
 */
export async function checkOriginals(
  place: ArchivePlace,
  options: CheckOptions,
  recount: () => Promise<Recount>,
): Promise<Originals> {
  const checked = await checkSeals(place, options)
  const { documents, seals, heads } = checked
  if (documents === 0 && seals === 0 && options.anchors.length === 0) throw noDocument(place)
  const recounted = seals === 0 ? { findings: [], errors: new SomeErrors() } : await recount()
  const findings = [...checked.findings, ...recounted.findings]
  return {
    ...{ documents, seals, heads, unread: [...checked.errors.first, ...recounted.errors.first] },
    moreUnread: checked.errors.more + recounted.errors.more,
    findings: findings.flatMap(({ kind, source, day, count, example }) =>
      isFault(kind) ? [{ ...FAULTS[kind], columns: [], source, day, document: example, count, ids: [] }] : [],
    ),
    notes: findings.flatMap(({ kind, source, day, count, example }) =>
      isFault(kind)
        ? []
        : [
            `${count} of ${source ?? 'the archive'}${day === null ? '' : `, ${day}`}: ${kind}, ${FINDINGS[kind]}, for example ${example}`,
          ],
    ),
  }
}
