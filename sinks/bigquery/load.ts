/** Loads one batch: a Parquet file, a load job into a staging table, and a query job that merges it. */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Table as TableReference } from '@google-cloud/bigquery'
import { BIGQUERY } from '../../schemas/ddl.js'
import type { Batch, LoadCounts, TimestampBounds } from '../../src/contract.js'
import { interruptible } from '../../src/duckdb/connection.js'
import { AuditError } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { openStore } from '../../src/stores/index.js'
import { fingerprint } from './address.js'
import { daySpans } from './days.js'
import { type Configuration, type JobContext, runJob } from './jobs.js'
import { mergeScript } from './merge.js'
import { parameter } from './queries.js'
import { limited } from './query.js'
import { requesting, unlessExists } from './request.js'
import { resultOf } from './results.js'
import { STAGING_FIELDS, writeStaged } from './stage.js'
import { datasetOf, encrypted, type Preparation } from './tables.js'

/** A staging table that a crash leaves behind expires after a day. */
const EXPIRES_MS = 86_400_000

interface Load {
  readonly preparation: Preparation
  readonly jobs: JobContext
  readonly batch: Batch
  readonly signal: AbortSignal
  /** Unique to this batch and dataset: the prefix of its job names, and the name of everything staged. */
  readonly name: string
  readonly labels: Record<string, string>
}

/** @throws AuditError when none of the batch is loaded, or its outcome is unknown */
export async function loadBatch(
  preparation: Preparation,
  jobs: JobContext,
  batch: Batch,
  signal: AbortSignal,
): Promise<LoadCounts> {
  const { place } = preparation
  const name = `wandb-audit-${batch.loadId}-${fingerprint(place)}`
  const labels = { ...place.labels, application: 'wandb-audit', load_id: batch.loadId.toLowerCase() }
  const load: Load = { preparation, jobs, batch, signal, name, labels }
  const file = join(batch.folder, `${name}.parquet`)
  const days = await writeFile(load, file)
  const staging = datasetOf(preparation).table(name.replaceAll('-', '_'))
  await createStaging(load, staging)
  await stage(load, staging, file)
  await rm(file, { force: true })
  const counts = await merge(load, staging, days)
  await staging.delete({ ignoreNotFound: true }).catch(() => {}) // else it expires
  return counts
}

function writeFile({ preparation, batch, signal }: Load, file: string): Promise<TimestampBounds[]> {
  const { id } = preparation.place
  return interruptible(batch.engine, signal, async () => {
    await writeStaged(id, batch, file)
    return daySpans(id, batch)
  })
}

async function createStaging({ preparation, signal }: Load, staging: TableReference): Promise<void> {
  const metadata = {
    description: 'A batch on its way into the tables; may be removed.',
    schema: { fields: [...STAGING_FIELDS] },
    expirationTime: String(Date.now() + EXPIRES_MS),
    ...encrypted(preparation.place),
  }
  await requesting(preparation, 'making the staging table', signal, () => unlessExists(() => staging.create(metadata)))
}

/** Uploads the file with the load job, or through the staging bucket. */
async function stage(load: Load, staging: TableReference, file: string): Promise<void> {
  const { place } = load.preparation
  if (place.staging === null) return loadFile(load, staging, { upload: file })
  const { store, prefix } = await openStore(place.staging)
  const key = [prefix, `${load.name}.parquet`].filter((part) => part !== '').join('/')
  try {
    await store.write(key, { file }, 'any', load.signal)
    await loadFile(load, staging, { uri: `${store.id}/${key}` })
  } finally {
    await store.remove(key, NEVER_ABORTED).catch(() => {}) // else a lifecycle rule of the bucket does
    await store.close().catch(() => {})
  }
}

/** Loads into an empty table only, so a second load of the same file would fail. */
async function loadFile(
  { preparation, jobs, signal, name, labels }: Load,
  staging: TableReference,
  from: { readonly upload: string } | { readonly uri: string },
): Promise<void> {
  const { project, dataset } = preparation.place
  const configuration: Configuration = {
    labels,
    load: {
      destinationTable: { projectId: project, datasetId: dataset, tableId: staging.id ?? '' },
      sourceFormat: 'PARQUET',
      schema: { fields: [...STAGING_FIELDS] },
      createDisposition: 'CREATE_NEVER',
      writeDisposition: 'WRITE_EMPTY',
      ...('uri' in from ? { sourceUris: [from.uri] } : {}),
    },
  }
  const upload = 'upload' in from ? { upload: from.upload } : {}
  await runJob(jobs, { name: `${name}-load`, doing: 'staging a batch', configuration, ...upload }, signal)
}

async function merge(load: Load, staging: TableReference, days: readonly TimestampBounds[]): Promise<LoadCounts> {
  const { preparation, jobs, batch, signal, name, labels } = load
  const { place, names } = preparation
  const script = mergeScript({
    table: (table) => names.full(table.name),
    staging: [place.project, place.dataset, staging.id ?? ''].map(BIGQUERY.quote).join('.'),
    days,
    hasRejects: batch.rejected > 0,
    hasPieces: batch.pieces.rows > 0,
    hasReadings: batch.readings.rows > 0,
    mayExpire: place.allowExpiration,
    kmsKey: place.kmsKey,
  })
  const queryParameters = [
    parameter('load_id', 'STRING', batch.loadId),
    parameter('source', 'STRING', batch.source),
    parameter('documents', 'INT64', batch.documents),
    parameter('rows_read', 'INT64', batch.rowsRead),
    parameter('started_at', 'TIMESTAMP', batch.startedAt.toISOString()),
    parameter('loader_version', 'STRING', batch.loaderVersion),
  ]
  const query = { query: script, useLegacySql: false, parameterMode: 'NAMED', queryParameters, ...limited(place) }
  const request = { name: `${name}-merge`, doing: 'merging a batch', configuration: { labels, query } }
  const { jobReference, statistics } = await runJob(jobs, request, signal)
  const jobId = jobReference?.jobId ?? ''
  jobs.onNotice(`${place.id}: ${statistics?.totalBytesProcessed ?? '?'} bytes processed by job ${jobId}`)
  return countsOf(jobs, jobId, batch)
}

/** The batch is committed by now, even if its counts cannot be read. */
async function countsOf(jobs: JobContext, jobId: string, { rowsRead }: Batch): Promise<LoadCounts> {
  try {
    const { rows } = await resultOf(jobs, jobId)
    for await (const row of rows) {
      const [inserted = 0, enriched = 0, unchanged = 0, rejected = 0, conflicts = 0] = row.map(Number)
      return { read: rowsRead, inserted, enriched, unchanged, rejected, conflicts }
    }
    throw new AuditError('the result has no row')
  } catch (error) {
    throw new AuditError(
      `${error instanceof AuditError ? error.message : jobs.id}: the batch is loaded, its counts are not known`,
      {
        outside: true,
        advice: 'audit_loads has them. Run again to load the rest.',
      },
    )
  }
}
