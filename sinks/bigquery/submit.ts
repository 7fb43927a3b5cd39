/** Asking BigQuery for a job under an id of ours, of which there is never a second one. */

import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { JobMetadata } from '@google-cloud/bigquery'
import { orAborted } from '../../src/retry.js'
import type { JobContext, JobRequest } from './jobs.js'
import { call } from './request.js'

/** @throws what the client throws: a duplicate when there is one of that id */
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
  // It may take long, and fills but a staging table.
  return orAborted(uploading, signal)
}

/** Ends early when the work is to stop, for a request cannot be: a Parquet file without its end is refused as a whole. */
async function* bytesOf(file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(file)) {
    if (signal.aborted) return
    yield chunk
  }
}

/** The client's transport writes the type into the body; its own types do not say so. */
const part = (type: string, body: string | Readable) => ({ 'Content-Type': type, body })
