/** Checks one chain of seals. */

import type { KeyObject } from 'node:crypto'
import type { Findings } from './findings.js'
import { type Seal, sealKey } from './seal.js'
import { parsedSeal, type SealBytes } from './seal-files.js'

/** The newest seal of a source, as stated outside the archive. */
export interface Anchor {
  readonly source: string
  readonly number: number
  readonly sha256: string
}

/** Follows the chain of one source, starting with its first seal. */
export class ChainCheck {
  private last = 0
  /** SHA-256 of the previous seal; null if it is missing. */
  private hash: string | null = null
  private readonly anchors: readonly Anchor[]
  private readonly source: string
  private readonly keys: readonly KeyObject[]
  private readonly findings: Findings

  constructor(source: string, anchors: readonly Anchor[], keys: readonly KeyObject[], findings: Findings) {
    this.source = source
    this.anchors = anchors
    this.keys = keys
    this.findings = findings
  }

  /** @returns null if there is no seal to read */
  next(number: number, read: SealBytes): Seal | null {
    const { source, findings } = this
    const key = sealKey(source, number)
    const first = this.last + 1
    if (number > first) findings.add('seal missing', source, null, sealKey(source, first), number - first)
    const before = number > first ? null : this.hash
    this.last = number
    this.hash = read?.sha256 ?? null
    const parsed = read?.bytes == null ? null : parsedSeal(read.bytes)
    const isAnchored = this.anchors.every((anchor) => anchor.number !== number || anchor.sha256 === read?.sha256)
    const isItself = parsed !== null && parsed.seal.source === source && parsed.seal.number === number
    const day = isItself ? parsed.seal.day : null
    if (read === null) findings.add('seal missing', source, null, key)
    else if (!isItself || !isAnchored) findings.add('seal altered', source, day, key)
    if (!isItself) return null
    const follows = number === 1 ? parsed.seal.previous === null : before === null || parsed.seal.previous === before
    if (!follows) findings.add('seal out of chain', source, day, key)
    const isSigned = this.keys.length === 0 ? true : parsed.isSignedWith(this.keys)
    if (isSigned !== true) findings.add(isSigned === null ? 'signature missing' : 'signature bad', source, day, key)
    return parsed.seal
  }

  /** @returns the newest seal; null if there is none */
  end(): Anchor | null {
    const { source } = this
    for (const { number } of this.anchors)
      if (number > this.last) this.findings.add('end missing', source, null, sealKey(source, number))
    return this.hash === null ? null : { source, number: this.last, sha256: this.hash }
  }
}
