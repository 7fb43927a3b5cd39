/** Jobs whose ids say what they do: a lost answer or a second asking finds the first one, and never makes another. */

import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { BigQuery, JobMetadata } from '@google-cloud/bigquery'
import { AuditError, EXIT, interrupted } from '../../src/errors.js'
import { orAborted, retrying } from '../../src/retry.js'
import { bigqueryError, isDuplicate } from './errors.js'
import { type Asker, asking, call, ifThere } from './request.js'

export type Configuration = NonNullable<JobMetadata['configuration']>

export interface JobRequest {
  /** Up to 1,000 letters, digits, - and _; what is asked for twice under one name is done once. */
  readonly name: string
  /** What it does, for errors: `merging a batch`. */
  readonly doing: string
  readonly configuration: Configuration
  /** A local file that a load job takes with it. */
  readonly upload?: string
}

export interface JobContext extends Asker {
  readonly client: BigQuery
  /** Where the dataset is. */
  readonly location: string
  onNotice(text: string): void
}

const never = new AbortController().signal

/**
 * Runs a job to its end. One that failed in a way that may pass is begun anew, with the next number at its name's end.
 *
 * When the signal is aborted the job is cancelled; had it succeeded before, that is what is returned.
 *
 * @throws AuditError; `interrupted` when the job was cancelled, or had not begun
 */
export async function runJob(context: JobContext, request: JobRequest, signal: AbortSignal): Promise<JobMetadata> {
  const { timing } = context
  let attempt = 0
  let done: JobMetadata | undefined
  const run = async (): Promise<JobMetadata> => {
    for (;;) {
      const jobId = `${request.name}-${++attempt}`
      const { job, wasThere } = await begun(context, request, jobId, signal)
      const ended = job.status?.state === 'DONE' ? job : await awaited(context, request, jobId, signal)
      const failure = ended.status?.errorResult
      if (failure == null) {
        done = ended
        return ended
      }
      // What became of an earlier call's job has been told already.
      if (!wasThere) throw bigqueryError(`${context.id}: ${request.doing} (job ${jobId})`, failure)
    }
  }
  try {
    return await retrying(run, signal, timing.retries, timing.pauseMs)
  } catch (error) {
    if (done !== undefined) return done
    throw signal.aborted ? interrupted() : error
  }
}

/** Asks for the job until there is one: after a lost answer it may be there. */
async function begun(
  context: JobContext,
  request: JobRequest,
  jobId: string,
  signal: AbortSignal,
): Promise<{ job: JobMetadata; wasThere: boolean }> {
  let tries = 0
  try {
    return await asking(context, `${request.doing} (job ${jobId})`, signal, async () => {
      tries++
      try {
        return { job: await insert(context, request, jobId, signal), wasThere: false }
      } catch (error) {
        if (!isDuplicate(error)) throw error
        return { job: await lookUp(context, jobId), wasThere: tries === 1 }
      }
    })
  } catch (error) {
    if (!signal.aborted) throw error
    return { job: await cancelled(context, request, jobId), wasThere: false }
  }
}

function insert(
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

async function lookUp(context: JobContext, jobId: string): Promise<JobMetadata> {
  const { client, location } = context
  const job = client.job(jobId, { location })
  const [metadata] = await asking(context, `looking at job ${jobId}`, never, () => job.getMetadata())
  return metadata as JobMetadata
}

/** Looks until the job is done; null when the limit is over, or the signal is aborted. */
async function ended(
  context: JobContext,
  jobId: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<JobMetadata | null> {
  const { pollMs } = context.timing
  const until = performance.now() + limitMs
  for (let pause = pollMs; ; pause = Math.min(pause * 1.5, pollMs * 50)) {
    const job = await lookUp(context, jobId)
    if (job.status?.state === 'DONE') return job
    if (signal.aborted || performance.now() >= until) return null
    await delay(pause, undefined, { signal }).catch(() => {})
  }
}

async function awaited(
  context: JobContext,
  request: JobRequest,
  jobId: string,
  signal: AbortSignal,
): Promise<JobMetadata> {
  const { id, timing } = context
  const job = await ended(context, jobId, timing.limitMs, signal)
  if (job !== null) return job
  if (signal.aborted) return cancelled(context, request, jobId)
  const late = await cancelled(context, request, jobId).catch(() => null)
  if (late !== null) return late
  const minutes = Math.round(timing.limitMs / 60_000)
  throw new AuditError(`${id}: ${request.doing}: job ${jobId} did not end in ${minutes} min`, {
    advice: `BigQuery was asked to cancel it; \`bq show -j ${jobId}\` tells what became of it. Run again: nothing is loaded twice.`,
  })
}

/** Cancels, and tells the truth: a job may have been faster. */
async function cancelled(context: JobContext, { doing }: JobRequest, jobId: string): Promise<JobMetadata> {
  const { id, client, location, timing, onNotice } = context
  const job = client.job(jobId, { location })
  let known: JobMetadata | null = null
  try {
    const asked = await asking(context, `cancelling job ${jobId}`, never, () => ifThere(() => job.cancel()))
    if (asked === null) throw interrupted() // it had not begun
    known = await ended(context, jobId, timing.cancelMs, never)
    if (known === null) onNotice(`${id}: ${doing}: job ${jobId} goes on although it was cancelled`)
  } catch (error) {
    if (error instanceof AuditError && error.exitCode === EXIT.interrupted) throw error
    onNotice(`${id}: ${doing}: job ${jobId} could not be cancelled`)
    throw interrupted()
  }
  if (known === null || known.status?.errorResult?.reason === 'stopped') throw interrupted()
  return known
}
