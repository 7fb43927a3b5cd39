/** Jobs with deterministic ids: after a lost answer, or when it is requested twice, the first job is found and none is created. */

import type { BigQuery, JobMetadata } from '@google-cloud/bigquery'
import { AuditError, interrupted } from '../../src/errors.js'
import { NEVER_ABORTED, retriesExhausted, retrying } from '../../src/retry.js'
import { type Job, type Outcome, runToEnd } from '../shared/jobs.js'
import { patience } from './conflicts.js'
import { bigqueryError, ConflictError, isDuplicate } from './errors.js'
import { type Requester, requesting } from './request.js'
import { insertJob } from './submit.js'

export type Configuration = NonNullable<JobMetadata['configuration']>

export interface JobRequest {
  /** Up to 1,000 letters, digits, - and _; two requests with the same name are one job. */
  readonly name: string
  /** What it does, for errors: `merging a batch`. */
  readonly doing: string
  readonly configuration: Configuration
  /** A local file that is uploaded with a load job. */
  readonly upload?: string
}

export interface JobContext extends Requester {
  readonly client: BigQuery
  /** Where the dataset is. */
  readonly location: string
  onNotice(text: string): void
}

/**
 * Runs a job to its end. After a temporary failure it is submitted again, with the next number as its suffix. After a conflict
 * with another load it is retried for as long as a job may run, because the other load may take that long.
 *
 * When the signal is aborted, the job is cancelled; if it had already succeeded, its result is returned.
 *
 * @throws AuditError; `interrupted` when the job was cancelled, or had not begun
 */
export async function runJob(context: JobContext, request: JobRequest, signal: AbortSignal): Promise<JobMetadata> {
  const { id, timing, onNotice } = context
  const waited = patience(timing.conflicts, timing.limitMs, timing.clock)
  let attempt = 0
  let done: JobMetadata | undefined
  const run = async (): Promise<void> => {
    while (done === undefined) {
      const job = bigqueryJob(context, request, `${request.name}-${++attempt}`, signal)
      const outcome = await runToEnd(job, timing, signal)
      if ('cancelled' in outcome) {
        if (!outcome.cancelled) onNotice(`${id}: ${request.doing}: job ${job.id} may go on: cancelling did not end it`)
        throw overLimit(context, request, job.id)
      }
      if ('done' in outcome) done = outcome.done
      // An earlier call submitted this job, and has reported its failure.
      else if (job.isFromEarlierCall()) continue
      else if (!(outcome.failed instanceof ConflictError)) throw outcome.failed
      else if (!(await waited(signal))) throw retriesExhausted(outcome.failed, attempt - 1)
      if (signal.aborted) throw interrupted()
    }
  }
  const failure = await retrying(run, signal, timing.retries, timing.pauseMs).catch((error: unknown) => error)
  if (done !== undefined) return done
  throw signal.aborted ? interrupted() : failure
}

interface BigQueryJob extends Job<JobMetadata> {
  readonly id: string
  isFromEarlierCall(): boolean
}

function bigqueryJob(context: JobContext, request: JobRequest, id: string, signal: AbortSignal): BigQueryJob {
  const { client, location } = context
  const doing = `${request.doing} (job ${id})`
  const reference = client.job(id, { location })
  let fromEarlierCall = false

  async function lookUp(): Promise<JobMetadata> {
    const [metadata] = await requesting(context, `looking at job ${id}`, NEVER_ABORTED, () => reference.getMetadata())
    return metadata as JobMetadata
  }

  /** A job of this id also exists after a lost answer. */
  async function insertOrFind(): Promise<JobMetadata> {
    let tries = 0
    return requesting(context, doing, signal, async () => {
      tries++
      try {
        return await insertJob(context, request, id, signal)
      } catch (error) {
        if (!isDuplicate(error)) throw error
        fromEarlierCall = tries === 1
        return lookUp()
      }
    })
  }

  function outcomeOf(job: JobMetadata): Outcome<JobMetadata> | null {
    if (job.status?.state !== 'DONE') return null
    const failure = job.status.errorResult
    return failure == null ? { done: job } : { failed: bigqueryError(`${context.id}: ${doing}`, failure) }
  }

  return {
    id,
    isFromEarlierCall: () => fromEarlierCall,

    async submit() {
      try {
        return outcomeOf(await insertOrFind())
      } catch (error) {
        if (!signal.aborted) throw error
        return null // it may have begun, so poll and cancel it
      }
    },

    look: async () => outcomeOf(await lookUp()),

    cancel: () =>
      requesting(context, `cancelling job ${id}`, NEVER_ABORTED, () => reference.cancel()).then(
        () => true,
        () => false,
      ),
  }
}

function overLimit({ id, timing }: JobContext, { doing }: JobRequest, jobId: string): AuditError {
  const minutes = Math.round(timing.limitMs / 60_000)
  return new AuditError(`${id}: ${doing}: job ${jobId} did not end in ${minutes} min`, {
    advice: `BigQuery was asked to cancel it; \`bq show -j ${jobId}\` shows its state. Run again: nothing is loaded twice.`,
  })
}
