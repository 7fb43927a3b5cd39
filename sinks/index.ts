/** The sinks there are, and which an address names. */

import { refuseLogin, withoutLogin } from '../src/address.js'
import type { Sink } from '../src/contract.js'
import { usageError } from '../src/errors.js'
import { BIGQUERY_DATASET } from './bigquery/declaration.js'
import { DELTA_BUCKET, DELTA_FOLDER } from './delta/declaration.js'
import { DUCKDB_FILE } from './duckdb/declaration.js'
import { FABRIC_MIRROR } from './fabric/declaration.js'
import { PARQUET_BUCKET, PARQUET_FOLDER } from './parquet/declaration.js'
import { REDSHIFT_DATABASE } from './redshift/declaration.js'
import type { SinkContext, SinkDeclaration } from './shared/declaration.js'

export const SINKS: readonly SinkDeclaration[] = [
  DUCKDB_FILE,
  PARQUET_FOLDER,
  PARQUET_BUCKET,
  DELTA_FOLDER,
  DELTA_BUCKET,
  BIGQUERY_DATASET,
  REDSHIFT_DATABASE,
  FABRIC_MIRROR,
]

/** How addresses of sinks look, for help and errors. */
export const SINK_FORMS = SINKS.map(({ form }) => form).join(', ')

/** Where erased values remain in the warehouse that an address names, and for how long. */
export const remainsIn = (address: string): string =>
  SINKS.find(({ begins }) => begins.test(address))?.remains ?? 'see its documentation'

/** @throws AuditError, exit code 2, when no sink has such an address */
export async function openSink(address: string, context: SinkContext): Promise<Sink> {
  refuseLogin(address)
  const sink = SINKS.find(({ begins }) => begins.test(address))
  if (sink !== undefined) return sink.open(address, context)
  throw usageError(`no sink has an address like ${withoutLogin(address)}`, `Sinks: ${SINK_FORMS}.`)
}
