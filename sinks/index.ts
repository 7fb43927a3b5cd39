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
  if (/^parquet(?::|\+)/.test(address)) {
    const { parquetSink } = await import('./parquet/index.js')
    return parquetSink(address, context.signal)
  }
  if (/^bigquery:\/\//i.test(address)) {
    const { bigquerySink } = await import('./bigquery/index.js')
    return bigquerySink(address, context)
  }
  if (/^redshift:/i.test(address)) {
    const { redshiftSink } = await import('./redshift/index.js')
    return redshiftSink(address, context)
  }
  throw usageError(
    `no sink has an address like ${printable(address)}`,
    'Sinks: duckdb:FILE, parquet:FOLDER, parquet+s3://BUCKET/PREFIX, bigquery://PROJECT/DATASET, redshift://WORKGROUP/DATABASE.',
  )
}
