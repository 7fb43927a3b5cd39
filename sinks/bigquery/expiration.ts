/**
 * Keeps rows from expiring. A dataset may pass a default expiration on to everything created in it (the sandbox always does), and
 * rows older than that are not even stored. A table cannot be created without it, so it is removed afterwards:
 * https://cloud.google.com/bigquery/docs/updating-datasets#table-expiration, https://github.com/googleapis/python-bigquery/issues/2403
 */

import type { TableMetadata, Table as TableReference } from '@google-cloud/bigquery'
import { AuditError } from '../../src/errors.js'
import type { BigQueryAddress } from './address.js'

/**
 * Removes the expiration of a table without rows, or of a view.
 *
 * @param name     of the table or view, for errors
 * @param metadata its current metadata
 * @throws AuditError when a table with rows expires, or BigQuery does not remove the expiration
 */
export async function keepForEver(
  place: BigQueryAddress,
  name: string,
  reference: TableReference,
  metadata: TableMetadata,
): Promise<void> {
  if (place.allowExpiration || !expires(metadata)) return
  if (Number(metadata.numRows ?? 0) > 0) throw refusal(place, name, metadata)
  const { timePartitioning } = metadata
  const [now] = await reference.setMetadata({
    expirationTime: null,
    ...(timePartitioning == null ? {} : { timePartitioning: { ...timePartitioning, expirationMs: null } }),
  } as unknown as TableMetadata)
  if (expires(now as TableMetadata)) throw refusal(place, name, now as TableMetadata)
}

const expires = ({ expirationTime, timePartitioning }: TableMetadata): boolean =>
  expirationTime != null || timePartitioning?.expirationMs != null

function refusal(
  { id, project, dataset }: BigQueryAddress,
  name: string,
  { timePartitioning }: TableMetadata,
): AuditError {
  const days = Number(timePartitioning?.expirationMs ?? 0) / 86_400_000
  const what = days > 0 ? `rows of ${name} are lost after ${days} days` : `${name} expires, with all its rows`
  const options = `expiration_timestamp = NULL${days > 0 ? ', partition_expiration_days = NULL' : ''}`
  return new AuditError(`${id}: ${what}; nothing is loaded`, {
    advice: `Run ALTER TABLE \`${project}.${dataset}.${name}\` SET OPTIONS (${options}), or, if that is intended, add ?allow_expiration=true to the address.`,
    outside: true,
  })
}
