/** INFORMATION_SCHEMA.PARTITIONS: https://cloud.google.com/bigquery/docs/information-schema-partitions */

import type { DuckDBConnection } from '@duckdb/node-api'
import type { Catalog } from './catalog.js'
import { PARTITIONS, quoted } from './translate.js'

/** Where partitions by day end; rows before and after are in one that every query reads. */
export const UNPARTITIONED = (column: string): string =>
  `${column} < TIMESTAMPTZ '1960-01-01 00:00:00+00' OR ${column} >= TIMESTAMPTZ '2160-01-01 00:00:00+00'`

/** Makes `bq_partitions` for a script that asks for it. */
export async function makePartitions(connection: DuckDBConnection, catalog: Catalog, sql: string): Promise<void> {
  if (!PARTITIONS.test(sql)) return
  await connection.run(
    'CREATE TEMP TABLE bq_partitions (table_schema VARCHAR, table_name VARCHAR, partition_id VARCHAR, total_rows BIGINT)',
  )
  for (const { type, timePartitioning, tableReference } of catalog.allTables()) {
    if (type !== 'TABLE') continue
    const { datasetId, tableId } = tableReference
    const at = timePartitioning?.field === undefined ? null : quoted(timePartitioning.field)
    const id =
      at === null
        ? 'NULL'
        : `CASE WHEN ${at} IS NULL THEN '__NULL__' WHEN ${UNPARTITIONED(at)} THEN '__UNPARTITIONED__' ELSE strftime(${at}, '%Y%m%d') END`
    await connection.run(
      `INSERT INTO bq_partitions SELECT $1, $2, ${id}, count(*) FROM ${quoted(datasetId)}.${quoted(tableId)} GROUP BY 3`,
      [datasetId, tableId],
    )
  }
}
