/** Creates missing datasets, tables, columns and views, with descriptions. Never drops anything. */

import { createHash } from 'node:crypto'
import type { BigQuery, TableField, TableMetadata } from '@google-cloud/bigquery'
import { ACTIONS } from '../../schemas/actions.js'
import { BIGQUERY } from '../../schemas/ddl.js'
import { AUDIT_ACTIONS, AUDIT_EVENTS, type Column, LAYOUT_VERSION, TABLES, type Table } from '../../schemas/tables.js'
import { usageError } from '../../src/errors.js'
import { refuseNewerLayout } from '../shared/layout.js'
import { views } from '../shared/views.js'
import type { BigQueryAddress } from './address.js'
import { keepForEver } from './expiration.js'
import { bigquerySql } from './forms.js'
import { ifExists, type Requester, requesting, unlessExists } from './request.js'

const count = (name: string, meaning: string): Column => ({
  name,
  type: 'bigint',
  required: false,
  class: 'content',
  meaning,
})

/** A table that only BigQuery has: what each load was charged for. */
export const AUDIT_LOAD_COSTS: Table = {
  name: 'audit_load_costs',
  meaning: 'What the statements of each load cost, as BigQuery counts it.',
  key: ['load_id'],
  columns: [
    { ...count('load_id', 'The batch, as in audit_loads.'), type: 'text', required: true },
    count('bytes_processed', 'Bytes that its statements read.'),
    count('bytes_billed', 'Bytes that are charged for, with on-demand pricing.'),
  ],
}

/** https://cloud.google.com/bigquery/docs/clustered-tables */
const CLUSTERED: Readonly<Record<string, string[]>> = {
  audit_events: ['action', 'content_hash'],
  audit_rejects: ['reject_id'],
  audit_reject_pieces: ['reject_id'],
  audit_conflicts: ['conflict_id'],
  audit_documents: ['source', 'document'],
}

export interface Names {
  /** The table's name in its dataset. */
  bare(name: string): string
  /** The quoted name of one of our tables or views, in full. */
  full(name: string): string
  /** The table for FROM, with a partition filter if one is required. */
  from(name: string): string
}

export function namesIn({ project, dataset, tablePrefix, requirePartitionFilter }: BigQueryAddress): Names {
  const bare = (name: string): string => `${tablePrefix}${name}`
  const full = (name: string): string => [project, dataset, bare(name)].map(BIGQUERY.quote).join('.')
  return {
    bare,
    full,
    from: (name) =>
      requirePartitionFilter && name === AUDIT_EVENTS.name
        ? `(SELECT * FROM ${full(name)} WHERE ${BIGQUERY.quote('timestamp')} >= TIMESTAMP '0001-01-01 00:00:00+00')`
        : full(name),
  }
}

export interface Preparation extends Requester {
  readonly place: BigQueryAddress
  readonly client: BigQuery
  readonly names: Names
  readonly signal: AbortSignal
}

const ask = <T>(preparation: Preparation, doing: string, request: () => Promise<T>): Promise<T> =>
  requesting(preparation, doing, preparation.signal, request)

/** The dataset's project may differ from the one that runs the jobs. */
export const datasetOf = ({ place, client }: Pick<Preparation, 'place' | 'client'>) =>
  client.dataset(place.dataset, { projectId: place.project })

const referenceTo = (preparation: Preparation, name: string) =>
  datasetOf(preparation).table(preparation.names.bare(name))

/** The dataset's location; null when it does not exist. */
export async function locationOf(preparation: Preparation): Promise<string | null> {
  const { place } = preparation
  const found = await ask(preparation, 'looking for the dataset', () =>
    ifExists(() => datasetOf(preparation).getMetadata()),
  )
  if (found === null) return null
  const location = String((found[0] as { location?: string }).location ?? 'US')
  if (place.location !== null && place.location.toLowerCase() !== location.toLowerCase()) {
    throw usageError(
      `${place.id} is in ${location}, not in ${place.location}`,
      'Omit ?location=: a dataset cannot move.',
    )
  }
  return location
}

export async function hasTable(preparation: Preparation, { name }: Table): Promise<boolean> {
  const table = referenceTo(preparation, name)
  return (await ask(preparation, `looking for ${name}`, () => ifExists(() => table.getMetadata()))) !== null
}

export async function createDataset(preparation: Preparation): Promise<void> {
  const { place, client } = preparation
  const description = 'Audit logs of Weights & Biases, loaded by wandb-audit.'
  const metadata = {
    description,
    projectId: place.project,
    ...(place.location === null ? {} : { location: place.location }),
    ...(place.kmsKey === null ? {} : { defaultEncryptionConfiguration: { kmsKeyName: place.kmsKey } }),
  }
  await ask(preparation, 'making the dataset', () => unlessExists(() => client.createDataset(place.dataset, metadata)))
}

/** @throws AuditError when a newer version made the tables; nothing is changed then */
export async function createTables(preparation: Preparation): Promise<void> {
  // audit_events carries the layout mark, so it is checked and created first.
  await createTable(preparation, AUDIT_EVENTS)
  const others = [...TABLES, AUDIT_LOAD_COSTS].filter((table) => table !== AUDIT_EVENTS)
  await Promise.all(others.map((table) => createTable(preparation, table)))
  const { names } = preparation
  await Promise.all(views(bigquerySql(names.from)).map((view) => createView(preparation, view)))
}

async function createTable(preparation: Preparation, table: Table): Promise<void> {
  const reference = referenceTo(preparation, table.name)
  await ask(preparation, `preparing ${table.name}`, async () => {
    const found = await ifExists(() => reference.getMetadata())
    if (found === null) await unlessExists(() => reference.create(tableMetadata(table, preparation.place)))
    const [metadata] = (found ?? (await reference.getMetadata())) as [TableMetadata, ...unknown[]]
    const { schema, labels: currentLabels = {} } = metadata
    refuseNewerLayout(preparation.id, Number(currentLabels[LAYOUT_LABEL] ?? 1))
    await keepForEver(preparation.place, preparation.names.bare(table.name), reference, metadata)
    const fields = (schema as { fields?: TableField[] } | undefined)?.fields ?? []
    const existing = new Set(fields.map(({ name }) => name?.toLowerCase()))
    const missing = table.columns.filter(({ name }) => !existing.has(name))
    const labels = labelsOf(table)
    if (missing.length === 0 && currentLabels[LAYOUT_LABEL] === labels[LAYOUT_LABEL]) return
    // BigQuery cannot add a required column.
    const added = missing.map((column) => field({ ...column, required: false }))
    await reference.setMetadata({ schema: { fields: [...fields, ...added] }, labels })
  })
}

/** The layout mark. https://cloud.google.com/bigquery/docs/adding-labels */
const LAYOUT_LABEL = 'wandb_audit_layout'

const labelsOf = (table: Table): Record<string, string> =>
  table === AUDIT_EVENTS ? { [LAYOUT_LABEL]: String(LAYOUT_VERSION) } : {}

function tableMetadata(table: Table, place: BigQueryAddress): TableMetadata {
  const partitioned = {
    timePartitioning: { type: 'DAY', field: 'timestamp' },
    requirePartitionFilter: place.requirePartitionFilter,
  }
  const clustered = CLUSTERED[table.name]
  return {
    description: table.meaning,
    labels: labelsOf(table),
    schema: { fields: table.columns.map(field) },
    ...(table === AUDIT_EVENTS ? partitioned : {}),
    ...encrypted(place),
    ...(clustered === undefined ? {} : { clustering: { fields: clustered } }),
  }
}

/** Encryption of a table. https://cloud.google.com/bigquery/docs/customer-managed-encryption */
export const encrypted = ({ kmsKey }: BigQueryAddress): Pick<TableMetadata, 'encryptionConfiguration'> =>
  kmsKey === null ? {} : { encryptionConfiguration: { kmsKeyName: kmsKey } }

const field = ({ name, type, required, meaning }: Column): TableField => ({
  name,
  type: BIGQUERY.types[type],
  mode: required ? 'REQUIRED' : 'NULLABLE',
  description: meaning,
})

async function createView(preparation: Preparation, { name, sql }: { name: string; sql: string }): Promise<void> {
  const reference = referenceTo(preparation, name)
  const view = { query: sql, useLegacySql: false }
  await ask(preparation, `preparing ${name}`, async () => {
    const found = await ifExists(() => reference.getMetadata())
    if (found === null) await unlessExists(() => reference.create({ view }))
    const [metadata] = found ?? (await reference.getMetadata())
    await keepForEver(preparation.place, preparation.names.bare(name), reference, metadata)
    if ((metadata as { view?: { query?: string } }).view?.query !== sql) await reference.setMetadata({ view })
  })
}

/** A label on audit_actions. If it matches, the table need not be rewritten. */
export const ACTIONS_VERSION = createHash('sha256').update(JSON.stringify(ACTIONS)).digest('hex').slice(0, 32)

export async function hasActions(preparation: Preparation): Promise<boolean> {
  const table = referenceTo(preparation, AUDIT_ACTIONS.name)
  const [metadata] = await ask(preparation, 'looking at audit_actions', () => table.getMetadata())
  return (metadata as { labels?: Record<string, string> }).labels?.actions === ACTIONS_VERSION
}

export async function labelActions(preparation: Preparation): Promise<void> {
  const table = referenceTo(preparation, AUDIT_ACTIONS.name)
  await ask(preparation, 'labelling audit_actions', () => table.setMetadata({ labels: { actions: ACTIONS_VERSION } }))
}
