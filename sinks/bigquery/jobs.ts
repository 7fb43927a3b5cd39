/** Jobs whose ids say what they do: a lost answer or a second asking finds the first one, and never makes another. */

import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { BigQuery, JobMetadata } from '@google-cloud/bigquery'
import { AuditError, interrupted } from '../../src/errors.js'
import { retrying } from '../../src/retry.js'
import { bigqueryError, isDuplicate, isNotFound } from './errors.js'

export interface Timing {
  /** The first pause between two looks at a running job, in milliseconds; they grow to fifty times that. */
  readonly pollMs: number
  /** How long a job may run, in milliseconds. */
  readonly limitMs: number
  /** How long a cancelled job may take to end, in milliseconds. */
  readonly cancelMs: number
}

export type Configuration = NonNullable<JobMetadata['configuration']>

export interface JobRequest {
  /** Up to 1,000 letters, digits, - and _; what is asked for twice under one name is done once. */
  readonly name: string
  /** What it does, for errors: `merging`. */
  readonly doing: string
  readonly configuration: Configuration
  /** A local file that a load job takes with it. */
  readonly upload?: string
}

export interface JobContext {
  readonly id: string
  readonly client: BigQuery
  /** Where the dataset is. */
  readonly location: string
  readonly timing: Timing
  onNotice(text: string): void
}

/** About two minutes: two loads that exclude each other take turns within that. */
const RETRIES = 6
const never = new AbortController().signal

/**
 * Runs a job to its end. One that failed in a way that may pass is begun anew, with the next number at its name's end.
 *
 * When the signal is aborted the job is cancelled; had it succeeded before, that is what is returned.
 *
 * @throws AuditError; `interrupted` when the job was cancelled, or had not begun
 */
export async function runJob(context: JobContext, request: JobRequest, signal: AbortSignal): Promise<JobMetadata> {
  let attempt = 0
  let done: JobMetadata | undefined
  const run = async (): Promise<void> => {
    for (;;) {
      attempt++
      const jobId = `${request.name}-${attempt}`
      const { job, wasThere } = await begun(context, request, jobId, signal)
      const ended = job.status?.state === 'DONE' ? job : await awaited(context, request, jobId, signal)
      const failure = ended.status?.errorResult
      if (failure == null) {
        done = ended
        return
      }
      // What an earlier call had begun, and what came of it, is known already.
      if (!wasThere) throw bigqueryError(`${context.id}: ${request.doing} (job ${jobId})`, failure)
    }
  }
  try {
    await retrying(run, signal, RETRIES)
  } catch (error) {
    if (done === undefined) throw signal.aborted ? interrupted() : error
  }
  return done as unknown as JobMetadata
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
    return await retrying(
      async () => {
        tries++
        try {
          return { job: await insert(context, request, jobId), wasThere: false }
        } catch (error) {
          if (!isDuplicate(error)) throw bigqueryError(`${context.id}: ${request.doing} (job ${jobId})`, error)
          return { job: await lookUp(context, jobId), wasThere: tries === 1 }
        }
      },
      signal,
      RETRIES,
    )
  } catch (error) {
    if (!signal.aborted) throw error
    return { job: await cancelled(context, request, jobId), wasThere: false }
  }
}

function insert(
  { client, location }: JobContext,
  { configuration, upload }: JobRequest,
  jobId: string,
): Promise<JobMetadata> {
  const job = { configuration, jobReference: { projectId: client.projectId, jobId, location } }
  return upload === undefined
    ? call(client, { method: 'POST', uri: '/jobs', json: job })
    : call(client, {
        method: 'POST',
        uri: `${client.apiEndpoint}/upload/bigquery/v2/projects/${client.projectId}/jobs`,
        qs: { uploadType: 'multipart' },
        timeout: 0,
        // https://cloud.google.com/bigquery/docs/reference/api-uploads
        multipart: [
          part('application/json', JSON.stringify(job)),
          part('application/octet-stream', createReadStream(upload)),
        ],
      })
}

/** The client's transport writes the type into the body; its own types do not say so. */
const part = (type: string, body: string | Readable) => ({ 'Content-Type': type, body })

/** A request through the client's own transport, with its login; the body of the answer. */
export function call<T>(client: BigQuery, request: Parameters<BigQuery['request']>[0]): Promise<T> {
  return new Promise((resolve, reject) => {
    client.request(request, (error, body) => (error ? reject(error) : resolve(body as T)))
  })
}

function lookUp({ id, client, location }: JobContext, jobId: string): Promise<JobMetadata> {
  return retrying(
    async () => {
      try {
        const [metadata] = await client.job(jobId, { location }).getMetadata()
        return metadata as JobMetadata
      } catch (error) {
        throw bigqueryError(`${id}: looking at job ${jobId}`, error)
      }
    },
    never,
    RETRIES,
  )
}

/** Looks until the job is done, or the limit is over. */
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
  if (late?.status?.state === 'DONE') return late
  throw new AuditError(
    `${id}: ${request.doing}: job ${jobId} did not end in ${Math.round(timing.limitMs / 60_000)} min`,
    {
      advice: `BigQuery was asked to cancel it; \`bq show -j ${jobId}\` tells what becomes of it. Run again: it will not load twice.`,
    },
  )
}

/** Cancels, and tells the truth: a job may have been faster. */
async function cancelled(context: JobContext, { doing }: JobRequest, jobId: string): Promise<JobMetadata> {
  const { id, client, location, timing, onNotice } = context
  try {
    await client.job(jobId, { location }).cancel()
  } catch (error) {
    if (isNotFound(error)) throw interrupted()
    onNotice(`${id}: ${doing}: job ${jobId} could not be cancelled; the next run finds what it did`)
    throw interrupted()
  }
  const job = await ended(context, jobId, timing.cancelMs, never)
  if (job === null) {
    onNotice(`${id}: ${doing}: job ${jobId} goes on although it was cancelled; the next run finds what it did`)
    throw interrupted()
  }
  if (job.status?.errorResult?.reason === 'stopped') throw interrupted()
  return job
}
