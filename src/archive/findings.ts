/** What a check of an archive found, counted by kind, source and day, so that a report stays short whatever happened. */

export const FINDINGS = {
  'document missing': 'was sealed, and is gone or hidden',
  'document altered': 'is not what its name or its seal states',
  'document unreadable': 'could not be read: it has to be restored first, or the store fails',
  'document not sealed': 'is archived, its day is finished, and no seal lists it',
  'document not sealed yet': 'is archived, and is to be sealed when its day is finished',
  'seal missing': 'is gone or hidden, although later seals are there',
  'seal altered': 'is not a seal, or not the one that its name or an anchor states',
  'seal untrue': 'does not state what its documents hold',
  'seal out of chain': 'does not state the SHA-256 of the seal before it',
  'signature missing': 'is not signed',
  'signature bad': 'is signed with another key, or was changed afterwards',
  'end missing': 'is newer, by an anchor, than any seal that is there',
  'stray object': 'is neither a document nor a seal',
} as const

export type FindingKind = keyof typeof FINDINGS

export interface Finding {
  readonly kind: FindingKind
  /** Null for a stray object. */
  readonly source: string | null
  /** As in the key of the document; null for seals of documents without a day, and for seals that cannot be read. */
  readonly day: string | null
  readonly count: number
  /** The key of one of them. */
  readonly example: string
}

export class Findings {
  private readonly all = new Map<string, { -readonly [name in keyof Finding]: Finding[name] }>()

  add(kind: FindingKind, source: string | null, day: string | null, example: string, count = 1): void {
    const group = JSON.stringify([kind, source, day])
    const known = this.all.get(group)
    if (known === undefined) this.all.set(group, { kind, source, day, count, example })
    else known.count += count
  }

  /** By source, day and kind. */
  list(): readonly Finding[] {
    return [...this.all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, finding]) => finding)
  }
}
