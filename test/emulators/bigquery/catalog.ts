/** Datasets, tables and views, as REST resources and in DuckDB at once. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { duplicate, invalid, notFound, notLearnt } from './answers.js'
import { parsed, quoted, translated } from './translate.js'

export interface Field {
  readonly name: string
  readonly type: string
  readonly mode?: string
  readonly description?: string
}

export interface TableResource {
  readonly tableReference: { projectId: string; datasetId: string; tableId: string }
  readonly type: 'TABLE' | 'VIEW'
  description?: string
  labels?: Record<string, string>
  schema: { fields: Field[] }
  timePartitioning?: { type: string; field?: string; expirationMs?: string | null }
  clustering?: { fields: string[] }
  requirePartitionFilter?: boolean
  expirationTime?: string | null
  encryptionConfiguration?: { kmsKeyName: string }
  view?: { query: string; useLegacySql: boolean }
}

export interface DatasetResource {
  readonly datasetReference: { projectId: string; datasetId: string }
  readonly location: string
  description?: string
  defaultTableExpirationMs?: string
  defaultPartitionExpirationMs?: string
  defaultEncryptionConfiguration?: { kmsKeyName: string }
  readonly tables: Map<string, TableResource>
}

/** The API's own names of types. */
const CANONICAL: Readonly<Record<string, string>> = { INT64: 'INTEGER', BOOL: 'BOOLEAN', FLOAT64: 'FLOAT' }
export const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  STRING: 'VARCHAR',
  INTEGER: 'BIGINT',
  FLOAT: 'DOUBLE',
  BOOLEAN: 'BOOLEAN',
  TIMESTAMP: 'TIMESTAMP WITH TIME ZONE',
  DATE: 'DATE',
  JSON: 'JSON',
}

export type Catalog = ReturnType<typeof newCatalog>

export function newCatalog(project: string, connection: DuckDBConnection) {
  const datasets = new Map<string, DatasetResource>()
  let turn: Promise<unknown> = Promise.resolve()

  /** One change at a time: of two that make the same, the second one finds it. */
  function inTurn<A extends unknown[], T>(work: (...given: A) => Promise<T>): (...given: A) => Promise<T> {
    return (...given) => {
      const next = turn.then(() => work(...given))
      turn = next.catch(() => {})
      return next
    }
  }

  const dataset = (id: string): DatasetResource => {
    const found = datasets.get(id)
    if (found === undefined) throw notFound(`Dataset ${project}:${id}`)
    return found
  }

  const table = (datasetId: string, id: string): TableResource => {
    const found = dataset(datasetId).tables.get(id)
    if (found === undefined) throw notFound(`Table ${project}:${datasetId}.${id}`)
    return found
  }

  async function createDataset(
    body: Omit<Partial<DatasetResource>, 'datasetReference'> & { datasetReference: { datasetId: string } },
  ) {
    const { datasetId } = body.datasetReference
    if (!/^[A-Za-z0-9_]{1,1024}$/.test(datasetId)) throw invalid(`Invalid dataset ID "${datasetId}".`)
    if (datasets.has(datasetId)) throw duplicate(`Dataset ${project}:${datasetId}`)
    await connection.run(`CREATE SCHEMA ${quoted(datasetId)}`)
    const resource: DatasetResource = {
      ...body,
      datasetReference: { projectId: project, datasetId },
      location: body.location ?? 'US',
      tables: new Map(),
    }
    datasets.set(datasetId, resource)
    return resource
  }

  async function createTable(datasetId: string, body: Partial<TableResource> & Pick<TableResource, 'tableReference'>) {
    const { tables, ...defaults } = dataset(datasetId)
    const { tableId } = body.tableReference
    if (!/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]{1,1024}$/u.test(tableId)) throw invalid(`Invalid table ID "${tableId}".`)
    if (tables.has(tableId)) throw duplicate(`Table ${project}:${datasetId}.${tableId}`)
    const name = `${quoted(datasetId)}.${quoted(tableId)}`
    const fields = (body.schema?.fields ?? []).map(canonical)
    if (body.view !== undefined) await connection.run(`CREATE VIEW ${name} AS ${viewSql(body.view.query)}`)
    else await connection.run(`CREATE TABLE ${name} (${fields.map(columnSql).join(', ') || '"no column" INTEGER'})`)
    const resource: TableResource = {
      ...body,
      tableReference: { projectId: project, datasetId, tableId },
      type: body.view === undefined ? 'TABLE' : 'VIEW',
      schema: { fields },
      ...inherited(defaults, body),
    }
    tables.set(tableId, resource)
    return resource
  }

  /** Columns can be added at the end, and nothing else be done to them. */
  async function patchTable(datasetId: string, id: string, body: Partial<TableResource>) {
    const resource = table(datasetId, id)
    const name = `${quoted(datasetId)}.${quoted(id)}`
    if (body.view !== undefined) await connection.run(`CREATE OR REPLACE VIEW ${name} AS ${viewSql(body.view.query)}`)
    const fields = body.schema?.fields.map(canonical) ?? resource.schema.fields
    for (const [i, { name, type, mode }] of resource.schema.fields.entries()) {
      const now = fields[i]
      if (now?.name !== name || now.type !== type || (now.mode ?? 'NULLABLE') !== (mode ?? 'NULLABLE')) {
        throw invalid(
          `Provided Schema does not match Table ${project}:${datasetId}.${id}. Field ${name} is missing in new schema`,
        )
      }
    }
    for (const field of fields.slice(resource.schema.fields.length)) {
      if (field.mode === 'REQUIRED')
        throw invalid(
          `Provided Schema does not match Table ${project}:${datasetId}.${id}. Cannot add required fields to an existing schema. (field: ${field.name})`,
        )
      await connection.run(`ALTER TABLE ${name} ADD COLUMN ${columnSql(field)}`)
    }
    const { labels = {} } = resource
    Object.assign(resource, body, { schema: { fields }, labels: { ...labels, ...body.labels } })
    if (resource.expirationTime === null) delete resource.expirationTime
    if (resource.timePartitioning?.expirationMs === null) delete resource.timePartitioning.expirationMs
    return resource
  }

  async function deleteTable(datasetId: string, id: string) {
    const { type } = table(datasetId, id)
    await connection.run(`DROP ${type} ${quoted(datasetId)}.${quoted(id)}`)
    dataset(datasetId).tables.delete(id)
  }

  /** As if the table had been made by an older version. */
  async function dropColumn(datasetId: string, id: string, column: string) {
    const resource = table(datasetId, id)
    await connection.run(`ALTER TABLE ${quoted(datasetId)}.${quoted(id)} DROP COLUMN ${quoted(column)}`)
    resource.schema = { fields: resource.schema.fields.filter(({ name }) => name !== column) }
  }

  /** As GET gives it. */
  async function describeTable(datasetId: string, id: string) {
    const resource = table(datasetId, id)
    if (resource.type === 'VIEW') return resource
    const rows = await connection.runAndReadAll(`SELECT count(*) FROM ${quoted(datasetId)}.${quoted(id)}`)
    return { ...resource, numRows: String(rows.getRows()[0]?.[0]) }
  }

  return {
    project,
    dataset,
    table,
    describeTable,
    datasets: () => [...datasets.values()],
    tables: (datasetId: string) => [...dataset(datasetId).tables.values()],
    allTables: () => [...datasets.values()].flatMap(({ tables }) => [...tables.values()]),
    createDataset: inTurn(createDataset),
    createTable: inTurn(createTable),
    patchTable: inTurn(patchTable),
    deleteTable: inTurn(deleteTable),
    dropColumn: inTurn(dropColumn),
  }

  function viewSql(query: string): string {
    return translated(query, parsed(query), { project, variables: new Map(), system: new Map() })
  }
}

/**
 * A new table's expirations: what the dataset says, whatever the request left out or set to null.
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets#Dataset
 */
function inherited(
  { defaultTableExpirationMs, defaultPartitionExpirationMs, defaultEncryptionConfiguration }: Partial<DatasetResource>,
  {
    expirationTime,
    timePartitioning,
    encryptionConfiguration = defaultEncryptionConfiguration,
    view,
  }: Partial<TableResource>,
): Partial<TableResource> {
  const ofPartitions = timePartitioning?.expirationMs ?? defaultPartitionExpirationMs
  const isPartitioned = timePartitioning !== undefined && ofPartitions !== undefined
  const ofTable =
    expirationTime ??
    (isPartitioned || defaultTableExpirationMs === undefined
      ? undefined
      : String(Date.now() + Number(defaultTableExpirationMs)))
  return {
    ...(ofTable === undefined ? {} : { expirationTime: ofTable }),
    ...(isPartitioned ? { timePartitioning: { ...timePartitioning, expirationMs: ofPartitions } } : {}),
    ...(view !== undefined || encryptionConfiguration === undefined ? {} : { encryptionConfiguration }),
  }
}

function canonical(field: Field): Field {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,299}$/.test(field.name)) throw invalid(`Invalid field name "${field.name}".`)
  const type = CANONICAL[field.type.toUpperCase()] ?? field.type.toUpperCase()
  if (DUCKDB_TYPES[type] === undefined || field.mode === 'REPEATED') throw notLearnt(`columns of ${field.mode} ${type}`)
  return { ...field, type }
}

const columnSql = ({ name, type, mode }: Field): string =>
  `${quoted(name)} ${DUCKDB_TYPES[type]}${mode === 'REQUIRED' ? ' NOT NULL' : ''}`
