/** What a sink says of itself: help, errors, the settings schema and the tables in README and the guides follow from it. */

import type { AddressOptions } from '../../src/address.js'
import type { Sink } from '../../src/contract.js'

/** What a sink may need of the run around it. */
export interface SinkContext {
  /** How long to wait while somebody else holds the place, in milliseconds. */
  readonly waitMs: number
  /** Ends waiting. */
  readonly signal: AbortSignal
  /** Takes what an operator wants to know: who is waited for, what a load cost. Never a value of a record. */
  onNotice(text: string): void
}

export interface SinkDeclaration {
  /** What people call it, with a link to its guide. */
  readonly title: string
  /** How its addresses look: `bigquery://PROJECT/DATASET`. */
  readonly form: string
  /** The beginning that tells its addresses from those of all other sinks. */
  readonly begins: RegExp
  readonly options: AddressOptions
  /** The guide that has a table of the options. */
  readonly guide?: string
  readonly loads: 'one at a time' | 'several at once'
  /** What `query` and analysts speak to it. */
  readonly sql: string
  /** How far it can be relied on, and what that is known from. */
  readonly state: string
  readonly tested: string
  /** Imports what it needs only now: a vendor's client loads when its sink is used. */
  open(address: string, context: SinkContext): Promise<Sink>
}
