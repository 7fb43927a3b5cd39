/** Sink addresses to sinks. A warehouse's client loads only when its sink is used. */

import { refuseLogin, withoutLogin } from '../src/address.js'
import type { Sink } from '../src/contract.js'
import { usageError } from '../src/errors.js'

/** What a sink may need of the run around it. */
export interface SinkContext {
  /** How long to wait while somebody else holds the place, in milliseconds. */
  readonly waitMs: number
  /** Ends waiting. */
  readonly signal: AbortSignal
  /** Takes what an operator wants to know: who is waited for, what a load cost. Never a value of a record. */
  onNotice(text: string): void
}

interface Kind {
  /** How its addresses look. */
  readonly form: string
  readonly begins: RegExp
  open(address: string, context: SinkContext): Promise<Sink>
}

const KINDS: readonly Kind[] = [
  {
    form: 'duckdb:FILE[?schema=NAME]',
    begins: /^duckdb:/,
    async open(address, { waitMs, signal, onNotice }) {
      const { duckdbSink } = await import('./duckdb/index.js')
      const onWait = (holder: string): void => onNotice(`waiting for the DuckDB file, which ${holder} holds`)
      const [, path = '', schema] = /^duckdb:(.*?)(?:\?schema=([^?&=]+))?$/s.exec(address) ?? []
      if (/\?\w+=/.test(path))
        throw usageError(`${withoutLogin(path)} has an option that duckdb: does not know`, 'Options: schema.')
      return duckdbSink(path, { waitMs, signal, onWait }, schema)
    },
  },
  {
    form: 'parquet:FOLDER, parquet+s3://BUCKET/PREFIX (or +gs, +az)',
    begins: /^parquet(?::|\+)/,
    open: async (address, { signal }) => (await import('./parquet/index.js')).parquetSink(address, signal),
  },
  {
    form: 'bigquery://PROJECT/DATASET',
    begins: /^bigquery:\/\//i,
    open: async (address, context) => (await import('./bigquery/index.js')).bigquerySink(address, context),
  },
  {
    form: 'redshift://WORKGROUP/DATABASE',
    begins: /^redshift:/i,
    open: async (address, context) => (await import('./redshift/index.js')).redshiftSink(address, context),
  },
  {
    form: 'fabric://WORKSPACE/MIRRORED-DATABASE',
    begins: /^fabric:\/\//i,
    open: async (address, context) => (await import('./fabric/index.js')).fabricSink(address, context),
  },
]

/** @throws AuditError, exit code 2, when no sink has such an address */
export async function openSink(address: string, context: SinkContext): Promise<Sink> {
  refuseLogin(address)
  const kind = KINDS.find(({ begins }) => begins.test(address))
  if (kind !== undefined) return kind.open(address, context)
  throw usageError(
    `no sink has an address like ${withoutLogin(address)}`,
    `Sinks: ${KINDS.map(({ form }) => form).join(', ')}.`,
  )
}
