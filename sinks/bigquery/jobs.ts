/** Jobs whose ids say what they do: a lost answer or a second asking finds the first one, and never makes another. */

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
  /** Up to 1,000 letters, digits, - and _; what is asked for twice under one name is done once. */
  readonly name: string
  /** What it does, for errors: `merging a batch`. */
  readonly doing: string
  readonly configuration: Configuration
  /** A local file that a load job takes with it. */
  readonly upload?: string
}

export interface JobContext extends Requester {
  readonly client: BigQuery
  /** Where the dataset is. */
  readonly location: string
  onNotice(text: string): void
}

/**
 * Runs a job to its end. One that failed in a way that may pass is begun anew, with the next number at its name's end; one that
 * another load was in the way of, for as long as a job may run: that one may take as long.
 *
 * When the signal is aborted the job is cancelled; had it succeeded before, that is what is returned.
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
      // The call that submitted it earlier has reported its failure.
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

  /** After a lost answer, too, there is a job of this id already. */
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
        return null // it may have begun, so it is looked at and cancelled
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
    advice: `BigQuery was asked to cancel it; \`bq show -j ${jobId}\` tells what became of it. Run again: nothing is loaded twice.`,
  })
}
