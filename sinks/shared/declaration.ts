/** A sink declares itself: help, errors, the settings schema and the tables in README and the guides follow from it. */

import type { AddressOptions } from '../../src/address.js'
import type { Sink } from '../../src/contract.js'

/** What a sink gets from the run. */
export interface SinkContext {
  /** How long to wait while another process holds the database, in milliseconds. */
  readonly waitMs: number
  /** Ends waiting. */
  readonly signal: AbortSignal
  /** Takes notices for the operator, such as who is waited for or what a load cost; never a value of a record. */
  onNotice(text: string): void
}

export interface SinkDeclaration {
  /** Its common name, with a link to its guide. */
  readonly title: string
  /** The form of its addresses: `bigquery://PROJECT/DATASET`. */
  readonly form: string
  /** The prefix that tells its addresses from those of all other sinks. */
  readonly begins: RegExp
  readonly options: AddressOptions
  /** The guide with the table of options. */
  readonly guide?: string
  readonly loads: 'one at a time' | 'several at once'
  /** The language of `query` and of analysts. */
  readonly sql: string
  /** How mature it is, and on what evidence. */
  readonly state: string
  readonly tested: string
  /** Where erased values remain in the warehouse itself, and for how long. */
  readonly remains: string
  /** Imports the sink on demand, so that a vendor's client loads only when it is used. */
  open(address: string, context: SinkContext): Promise<Sink>
}
