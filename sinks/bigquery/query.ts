/** Read-only queries. */

import { randomUUID } from 'node:crypto'
import type { JobMetadata } from '@google-cloud/bigquery'
import type { QueryResult } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import { indexOfColumn, pointedAt } from '../shared/pointing.js'
import { notAQuestion } from '../shared/refusal.js'
import type { BigQueryAddress } from './address.js'
import { type JobContext, runJob } from './jobs.js'
import type { Parameter } from './queries.js'
import { call, requesting } from './request.js'
import { resultOf } from './results.js'

export interface Asked {
  readonly sql: string
  readonly place: BigQueryAddress
  readonly parameters?: readonly Parameter[]
  /** Several statements, whose result has no destination table. */
  readonly isScript?: boolean
}

/** @throws AuditError when the statement is invalid; with exit code 2 when it is not a single SELECT */
export async function readOnly(context: JobContext, asked: Asked, signal: AbortSignal): Promise<QueryResult> {
  try {
    const { statementType } = (await dryRun(context, asked, signal)).statistics?.query ?? {}
    if (statementType !== 'SELECT') throw notAQuestion(context.id)
    return await run(context, asked, signal)
  } catch (error) {
    throw error instanceof AuditError ? pointed(error, asked.sql) : error
  }
}

/** Where BigQuery counts columns from 1, in characters, with tabs of eight. */
const PLACE = /at \[(\d+):(\d+)\]/
const UNKNOWN = /(?:Unrecognized name:|Function not found:|Not found: Table) (\S+?)[;,]?(?: |$)/
const PROPOSED = /Did you mean ([^?]+)\?/

function pointed(error: AuditError, sql: string): AuditError {
  const [, line, column] = PLACE.exec(error.message) ?? []
  const at = line === undefined ? undefined : indexOfColumn(sql, Number(line), Number(column), 8)
  const proposed = PROPOSED.exec(error.message)?.[1]
  return pointedAt(error, sql, {
    at,
    unknown: UNKNOWN.exec(error.message)?.[1],
    candidates: proposed === undefined ? [] : [proposed],
  })
}

export async function run(context: JobContext, asked: Asked, signal: AbortSignal): Promise<QueryResult> {
  const { place, isScript = false } = asked
  const { labels, query } = configurationOf(asked)
  // BigQuery refuses a script with a key; the script names the keys of its tables.
  const encryption =
    place.kmsKey === null || isScript ? {} : { destinationEncryptionConfiguration: { kmsKeyName: place.kmsKey } }
  const request = {
    name: `wandb-audit-query-${randomUUID()}`,
    doing: 'the query',
    configuration: { labels, query: { ...query, ...limited(place), ...encryption } },
  }
  const { jobReference } = await runJob(context, request, signal)
  return resultOf(context, jobReference?.jobId ?? '')
}

/** What a statement would do and read, at no cost. https://cloud.google.com/bigquery/docs/running-queries#dry-run */
export function dryRun(context: JobContext, asked: Asked, signal: AbortSignal): Promise<JobMetadata> {
  const { client, location } = context
  const configuration = { ...configurationOf(asked), dryRun: true }
  const json = { configuration, jobReference: { projectId: client.projectId, location } }
  return requesting(context, 'the query', signal, () =>
    call<JobMetadata>(client, { method: 'POST', uri: '/jobs', json }),
  )
}

function configurationOf({ sql, place, parameters = [] }: Asked) {
  return {
    labels: { ...place.labels, application: 'wandb-audit' },
    query: {
      query: sql,
      useLegacySql: false,
      defaultDataset: { projectId: place.project, datasetId: place.dataset },
      ...(parameters.length === 0 ? {} : { parameterMode: 'NAMED', queryParameters: [...parameters] }),
    },
  }
}

/** https://cloud.google.com/bigquery/docs/best-practices-costs#restrict-bytes-billed */
export const limited = ({ maximumBytesBilled }: BigQueryAddress): { maximumBytesBilled?: string } =>
  maximumBytesBilled === null ? {} : { maximumBytesBilled }
