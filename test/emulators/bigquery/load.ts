/** Load jobs of Parquet files: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet */

import type { DuckDBInstance } from '@duckdb/node-api'
import { largestPage } from '../../support/parquet-pages.js'
import { duplicate, invalid, notLearnt, Refusal } from './answers.js'
import type { Catalog } from './catalog.js'
import type { Configuration } from './jobs.js'
import { quoted } from './translate.js'

/** DuckDB's types of a Parquet file's columns, and what BigQuery makes of them. */
const CONVERTED: Readonly<Record<string, string>> = {
  VARCHAR: 'STRING',
  INTEGER: 'INTEGER',
  BIGINT: 'INTEGER',
  BOOLEAN: 'BOOLEAN',
  DOUBLE: 'FLOAT',
  DATE: 'DATE',
  'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
}

/** Rows are to be no larger, and pages of 50 to 100 MB have failed for others. */
const MOST_PAGE_BYTES = 50e6

/** Returns the number of rows. */
export async function loadParquet(
  instance: DuckDBInstance,
  catalog: Catalog,
  load: NonNullable<Configuration['load']>,
  path: string,
  largestPageBytes = MOST_PAGE_BYTES,
): Promise<number> {
  if (load.sourceFormat !== 'PARQUET') throw notLearnt(`loading ${load.sourceFormat ?? 'CSV'}`)
  const { datasetId, tableId } = load.destinationTable
  const name = `${quoted(datasetId)}.${quoted(tableId)}`
  const where = `Table ${catalog.project}:${datasetId}.${tableId}`
  const page = await largestPage(path)
  if (page > largestPageBytes) {
    throw new Refusal(400, 'resourcesExceeded', `Resources exceeded: a Parquet page of ${page} bytes cannot be read`)
  }
  const connection = await instance.connect()
  try {
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM read_parquet('${path}')`)
    const columns = described.getRows().map(([column, type]) => ({ name: String(column), type: String(type) }))
    const there = catalog.tables(datasetId).some(({ tableReference }) => tableReference.tableId === tableId)
    if (!there) {
      if (load.createDisposition === 'CREATE_NEVER') catalog.table(datasetId, tableId)
      const fields = load.schema?.fields ?? columns.map(({ name, type }) => ({ name, type: CONVERTED[type] ?? type }))
      await catalog.createTable(datasetId, {
        tableReference: { projectId: catalog.project, datasetId, tableId },
        schema: { fields },
      })
    }
    const { fields } = catalog.table(datasetId, tableId).schema
    for (const column of columns) {
      const field = fields.find(({ name }) => name === column.name)
      if (field === undefined)
        throw invalid(`Provided Schema does not match ${where}. Cannot add fields (field: ${column.name})`)
      if (field.type === 'JSON') throw invalid(`Unsupported field type: JSON (field: ${column.name})`)
      if (CONVERTED[column.type] !== field.type) {
        throw invalid(
          `Provided Schema does not match ${where}. Field ${column.name} has changed type from ${field.type} to ${CONVERTED[column.type] ?? column.type}`,
        )
      }
    }
    const rows = await connection.runAndReadAll(`SELECT count(*) FROM ${name}`)
    if (load.writeDisposition === 'WRITE_EMPTY' && Number(rows.getRows()[0]?.[0]) > 0) throw duplicate(where)
    await connection.run('BEGIN TRANSACTION')
    if (load.writeDisposition === 'WRITE_TRUNCATE') await connection.run(`DELETE FROM ${name}`)
    const list = columns.map((column) => quoted(column.name)).join(', ')
    const inserted = await connection.run(`INSERT INTO ${name} (${list}) SELECT ${list} FROM read_parquet('${path}')`)
    await connection.run('COMMIT')
    return inserted.rowsChanged
  } finally {
    connection.closeSync()
  }
}
