/** Submits a job under an id of our own, which BigQuery accepts only once. */

import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { JobMetadata } from '@google-cloud/bigquery'
import { orAborted } from '../../src/retry.js'
import type { JobContext, JobRequest } from './jobs.js'
import { call } from './request.js'

/** @throws the client's error: a duplicate when a job of that id exists */
export function insertJob(
  { client, location }: JobContext,
  { configuration, upload }: JobRequest,
  jobId: string,
  signal: AbortSignal,
): Promise<JobMetadata> {
  const job = { configuration, jobReference: { projectId: client.projectId, jobId, location } }
  if (upload === undefined) return call(client, { method: 'POST', uri: '/jobs', json: job })
  const uploading = call<JobMetadata>(client, {
    method: 'POST',
    uri: `${client.apiEndpoint}/upload/bigquery/v2/projects/${client.projectId}/jobs`,
    qs: { uploadType: 'multipart' },
    timeout: 0,
    // https://cloud.google.com/bigquery/docs/reference/api-uploads
    multipart: [
      part('application/json', JSON.stringify(job)),
      part('application/octet-stream', Readable.from(bytesOf(upload, signal))),
    ],
  })
  // It may take long, and fills only a staging table, so it can be abandoned.
  return orAborted(uploading, signal)
}

/** Ends early on abort, because the request itself cannot be aborted: BigQuery refuses a truncated Parquet file whole. */
async function* bytesOf(file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(file)) {
    if (signal.aborted) return
    yield chunk
  }
}

/** The client's transport writes the content type into the body, which its TypeScript types do not mention. */
const part = (type: string, body: string | Readable) => ({ 'Content-Type': type, body })
