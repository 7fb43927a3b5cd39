/** What the documents of one seal hold, wherever that is known from. */

import type { AuditError } from '../errors.js'
import type { Heading } from './format.js'
import type { Seal } from './seal.js'

export type Totals = Pick<Seal, 'events' | 'actions' | 'other_actions' | 'days' | 'other_days'>

export interface DocumentCounts {
  readonly lines: number
  readonly rejects: number
  /** Of the document as it came. */
  readonly bytes: number
}

/** Documents are named by the keys of their objects, below the archive's prefix. */
export interface Contents {
  readonly totals: Totals
  /** Undefined when the object is no archived document. */
  heading(key: string): Heading | undefined
  /** Undefined when the document could not be counted. */
  counts(key: string): DocumentCounts | undefined
  /** An error that is not the object's: the store was not reached, or the object has to be restored first. */
  failure(key: string): AuditError | undefined
}
