/** Questions to BigQuery, which must not change anything. */

import { randomUUID } from 'node:crypto'
import type { JobMetadata } from '@google-cloud/bigquery'
import type { QueryResult } from '../../src/contract.js'
import { notAQuestion } from '../shared/refusal.js'
import { type Configuration, type JobContext, runJob } from './jobs.js'
import type { Parameter } from './queries.js'
import { asking, call } from './request.js'
import { resultOf } from './results.js'

export interface Asked {
  readonly sql: string
  readonly dataset: string
  readonly labels: Readonly<Record<string, string>>
  readonly parameters?: readonly Parameter[]
}

/** @throws AuditError when the statement is wrong; with exit code 2 when it is no single SELECT */
export async function readOnly(context: JobContext, asked: Asked, signal: AbortSignal): Promise<QueryResult> {
  const { statementType } = (await dryRun(context, asked, signal)).statistics?.query ?? {}
  if (statementType !== 'SELECT') throw notAQuestion(context.id)
  return run(context, asked, signal)
}

export async function run(context: JobContext, asked: Asked, signal: AbortSignal): Promise<QueryResult> {
  const request = {
    name: `wandb-audit-query-${randomUUID()}`,
    doing: 'asking',
    configuration: configurationOf(context, asked),
  }
  const { jobReference } = await runJob(context, request, signal)
  return resultOf(context, jobReference?.jobId ?? '')
}

/** What BigQuery says a statement would do and read, for nothing. https://cloud.google.com/bigquery/docs/running-queries#dry-run */
export function dryRun(context: JobContext, asked: Asked, signal: AbortSignal): Promise<JobMetadata> {
  const { client, location } = context
  const configuration = { ...configurationOf(context, asked), dryRun: true }
  const json = { configuration, jobReference: { projectId: client.projectId, location } }
  return asking(context, 'asking', signal, () => call<JobMetadata>(client, { method: 'POST', uri: '/jobs', json }))
}

function configurationOf({ client }: JobContext, { sql, dataset, labels, parameters = [] }: Asked): Configuration {
  return {
    labels: { ...labels, application: 'wandb-audit' },
    query: {
      query: sql,
      useLegacySql: false,
      defaultDataset: { projectId: client.projectId, datasetId: dataset },
      ...(parameters.length === 0 ? {} : { parameterMode: 'NAMED', queryParameters: [...parameters] }),
    },
  }
}
