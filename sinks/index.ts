/** Sink addresses to sinks. A warehouse's client loads only when its sink is used. */

import type { Sink } from '../src/contract.js'
import { printable, usageError } from '../src/errors.js'

/** What a sink may need of the run around it. */
export interface SinkContext {
  /** How long to wait while somebody else holds the place, in milliseconds. */
  readonly waitMs: number
  /** Ends waiting. */
  readonly signal: AbortSignal
  /** Takes what an operator wants to know: who is waited for, what a load cost. Never a value of a record. */
  onNotice(text: string): void
}

/** @throws AuditError, exit code 2, when no sink has such an address */
export async function openSink(address: string, context: SinkContext): Promise<Sink> {
  if (address.startsWith('duckdb:')) {
    const { duckdbSink } = await import('./duckdb/index.js')
    return duckdbSink(address.slice('duckdb:'.length), {
      ...context,
      onWait: (holder) => context.onNotice(`waiting for the DuckDB file, which ${holder} holds`),
    })
  }
  if (/^fabric:\/\//i.test(address)) {
    const { fabricSink } = await import('./fabric/index.js')
    return fabricSink(address, context)
  }
  throw usageError(
    `no sink has an address like ${printable(address)}`,
    'Sinks so far: duckdb:FILE, for example duckdb:audit.duckdb, and fabric://WORKSPACE/MIRRORED-DATABASE.',
  )
}
