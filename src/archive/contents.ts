/** What the documents of one seal contain, however that is known. */

import type { AuditError } from '../errors.js'
import type { Heading } from './format.js'
import type { Seal } from './seal.js'

export type Totals = Pick<Seal, 'events' | 'actions' | 'other_actions' | 'days' | 'other_days'>

export interface DocumentCounts {
  readonly lines: number
  readonly rejects: number
  /** Size of the document as it came. */
  readonly bytes: number
}

/** A document is named by the key of its object, relative to the archive's prefix. */
export interface Contents {
  readonly totals: Totals
  /** Undefined if the object is not an archived document. */
  heading(key: string): Heading | undefined
  /** Undefined if the document could not be counted. */
  counts(key: string): DocumentCounts | undefined
  /** An error that is not the object's fault: the store could not be reached, or the object must be restored first. */
  failure(key: string): AuditError | undefined
}
