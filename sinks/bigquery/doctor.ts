/** For `doctor`: what loads into BigQuery rely on. */

import { join } from 'node:path'
import type { TableField } from '@google-cloud/bigquery'
import { BIGQUERY } from '../../schemas/ddl.js'
import { TABLES } from '../../schemas/tables.js'
import type { Check, Warning } from '../../src/contract.js'
import { openConnection } from '../../src/duckdb/connection.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { AuditError } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { type JobContext, runJob } from './jobs.js'
import { literal } from './queries.js'
import { run } from './query.js'
import { ifExists, requesting } from './request.js'
import { datasetOf, encrypted, type Preparation } from './tables.js'

/** Transactions that change one row at once. */
const WRITERS = 4
/** Should the removal fail. */
const EXPIRES_MS = 3_600_000

const JSON_TEXT = '{"ü":[1,{"deep":null}]}'

/** @throws AuditError when rows would be lost */
export async function expirationCheck(preparation: Preparation): Promise<string | Warning> {
  const { place, names, signal } = preparation
  const look = <T>(request: () => Promise<T>) =>
    requesting(preparation, 'looking for what expires', signal, () => ifExists(request))
  const dataset = await look(() => datasetOf(preparation).getMetadata())
  if (dataset === null)
    return { warning: 'the dataset does not exist yet', cure: 'Load something first: a load creates it.' }
  if (place.allowExpiration) return 'rows may expire, as the address says'
  for (const { name } of TABLES) {
    const found = await look(() => datasetOf(preparation).table(names.bare(name)).getMetadata())
    const { expirationTime, timePartitioning } = (found?.[0] ?? {}) as Expiring
    if (expirationTime == null && timePartitioning?.expirationMs == null) continue
    throw new AuditError(`${name} expires, or its rows do`, {
      advice: `Run ALTER TABLE \`${place.project}.${place.dataset}.${names.bare(name)}\` SET OPTIONS (expiration_timestamp = NULL${timePartitioning?.expirationMs == null ? '' : ', partition_expiration_days = NULL'}).`,
    })
  }
  const { defaultTableExpirationMs, defaultPartitionExpirationMs } = dataset[0] as Record<string, unknown>
  if (defaultTableExpirationMs == null && defaultPartitionExpirationMs == null) return 'no table expires'
  return {
    warning: 'no table expires, but the dataset lets new ones expire',
    cure: "A load removes that from its own tables. To be safe, remove the dataset's default expiration.",
  }
}

interface Expiring {
  readonly expirationTime?: unknown
  readonly timePartitioning?: { readonly expirationMs?: unknown }
}

/** @param jobs of the existing dataset */
export const probes = (preparation: Preparation, jobs: () => Promise<JobContext>, name: string): readonly Check[] => [
  { name: 'probe: transactions', run: async (signal) => transactions(preparation, await jobs(), `${name}_n`, signal) },
  { name: 'probe: load job', run: async (signal) => loadJob(preparation, await jobs(), `${name}_json`, signal) },
]

/** Each adds one to a row: if two of them do not notice each other, an addition is lost, and so would be events. */
async function transactions(
  preparation: Preparation,
  jobs: JobContext,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const { place } = preparation
  return withTable(preparation, name, [{ name: 'n', type: 'INT64' }], signal, async (table) => {
    const script = (sql: string) => run(jobs, { sql, place, isScript: true }, signal)
    await script(`INSERT INTO ${table} (n) VALUES (0);\n`)
    const add = `BEGIN TRANSACTION;\nUPDATE ${table} SET n = n + 1 WHERE TRUE;\nCOMMIT TRANSACTION;\n`
    await Promise.all(Array.from({ length: WRITERS }, () => script(add)))
    const kept = Number(await first(run(jobs, { sql: `SELECT n FROM ${table}`, place }, signal)))
    if (kept === WRITERS) return `${WRITERS} transactions changed one row at once, and none was lost`
    throw new AuditError(`of ${WRITERS} transactions that changed one row at once, ${WRITERS - kept} were lost`, {
      advice: 'Two loads at once could lose events: let only one run at a time, and report this.',
    })
  })
}

/** A Parquet file through a load job, and its text as JSON. */
async function loadJob(preparation: Preparation, jobs: JobContext, name: string, signal: AbortSignal): Promise<string> {
  const { place } = preparation
  const fields = [{ name: 'extra', type: 'STRING' }]
  return withTable(preparation, name, fields, signal, async (table) => {
    const { connection, folder, close } = await openConnection()
    try {
      const upload = join(folder, 'probe.parquet')
      await writeParquet(place.id, connection, `SELECT '${JSON_TEXT}' AS extra`, upload)
      const destinationTable = { projectId: place.project, datasetId: place.dataset, tableId: name }
      const load = { destinationTable, sourceFormat: 'PARQUET', writeDisposition: 'WRITE_EMPTY', schema: { fields } }
      await runJob(jobs, { name: `${name}-load`, doing: 'a load job', configuration: { load }, upload }, signal)
    } finally {
      close()
    }
    const json = `TO_JSON_STRING(PARSE_JSON(extra, wide_number_mode => 'exact'))`
    const sql = `SELECT COUNT(*) FROM ${table} WHERE ${json} = ${literal(JSON_TEXT)}`
    if (Number(await first(run(jobs, { sql, place }, signal))) === 1)
      return 'a load job took a Parquet file, and PARSE_JSON its text'
    throw new AuditError('a load job and PARSE_JSON changed a text on its way through', {
      advice: 'Report this: `extra` would not be kept as it is.',
    })
  })
}

async function first(result: ReturnType<typeof run>): Promise<unknown> {
  for await (const [value] of (await result).rows) return value
  return null
}

/** @param work gets the quoted name of a new table, which is removed afterwards */
async function withTable<T>(
  preparation: Preparation,
  name: string,
  fields: readonly TableField[],
  signal: AbortSignal,
  work: (table: string) => Promise<T>,
): Promise<T> {
  const { place } = preparation
  const reference = datasetOf(preparation).table(name)
  const metadata = {
    description: 'Left by wandb-audit doctor --probe; safe to delete.',
    schema: { fields: [...fields] },
    expirationTime: String(Date.now() + EXPIRES_MS),
    ...encrypted(place),
  }
  try {
    await requesting(preparation, 'making a table for a probe', signal, () => reference.create(metadata))
    return await work([place.project, place.dataset, name].map(BIGQUERY.quote).join('.'))
  } finally {
    const remove = () => ifExists(() => reference.delete())
    await requesting(preparation, 'removing the table of a probe', NEVER_ABORTED, remove).catch(() => {}) // it expires
  }
}
