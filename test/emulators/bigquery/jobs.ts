/** Jobs: begun by id once, run beside the server, kept with their results. */

import type { DuckDBInstance, DuckDBResultReader } from '@duckdb/node-api'
import { duplicate, invalid, notFound, notLearnt, Refusal, refusalOf } from './answers.js'
import type { Parameter } from './ask.js'
import type { Catalog } from './catalog.js'
import { loadParquet } from './load.js'
import { dryRun, newTurns, runScript, scriptOf, statementType } from './script.js'

interface DatasetReference {
  readonly projectId?: string
  readonly datasetId: string
}

export interface Configuration {
  dryRun?: boolean
  labels?: Record<string, string>
  query?: {
    query: string
    useLegacySql?: boolean
    defaultDataset?: DatasetReference
    maximumBytesBilled?: string
    destinationEncryptionConfiguration?: { kmsKeyName: string }
    queryParameters?: Parameter[]
  }
  load?: {
    destinationTable: DatasetReference & { tableId: string }
    sourceFormat?: string
    sourceUris?: string[]
    schema?: { fields: { name: string; type: string }[] }
    writeDisposition?: string
    createDisposition?: string
  }
}

export interface JobResource {
  readonly kind: 'bigquery#job'
  readonly id: string
  readonly jobReference: { projectId: string; jobId: string; location: string }
  readonly configuration: Configuration
  readonly status: {
    state: 'PENDING' | 'RUNNING' | 'DONE'
    errorResult?: { reason: string; message: string }
    errors?: { reason: string; message: string }[]
  }
  readonly statistics: Record<string, unknown>
}

export interface Job {
  readonly resource: JobResource
  result: DuckDBResultReader | null
  /** Resolves when the job is done. */
  readonly done: Promise<void>
  cancel(): void
}

/** What a test wants to become of jobs whose ids match. */
export interface JobFault {
  readonly job: RegExp
  /**
   * Stays RUNNING until it is cancelled; or is done before its insertion is answered; or waits, its transaction begun,
   * until all of the `times` are so far; or fails where it would begin.
   */
  readonly does:
    | 'stays running'
    | 'done at once'
    | 'meet in transactions'
    | { readonly reason: string; readonly message: string }
    /** Goes on only then, its transaction having changed rows. */
    | { readonly heldUntil: Promise<void> }
  times: number
  /** How many are to meet. */
  readonly of?: number
  /** Changes that conflict with another transaction's are lost in silence, as no service should do. */
  readonly losesChanges?: true
  onMatch?(): void
}

export interface JobStore {
  /** @param project where the job runs */
  insert(
    project: string,
    body: { configuration: Configuration; jobReference?: Partial<JobResource['jobReference']> },
    file?: string,
  ): Promise<Job>
  get(id: string, location?: string): Job
  readonly all: readonly Job[]
}

export function newJobStore(
  instance: DuckDBInstance,
  catalog: Catalog,
  faults: JobFault[],
  fetchObject: (uri: string) => Promise<string>,
  largestPageBytes?: number,
): JobStore {
  const jobs = new Map<string, Job>()
  const turns = newTurns()

  async function run(resource: JobResource, job: Pick<Job, 'result'>, file?: string, fault?: JobFault): Promise<void> {
    const { configuration, statistics } = resource
    if (configuration.load !== undefined) {
      const [uri] = configuration.load.sourceUris ?? []
      const path = file ?? (uri === undefined ? undefined : await fetchObject(uri))
      if (path === undefined) throw invalid('Required parameter is missing: sourceUris')
      statistics.load = {
        outputRows: String(await loadParquet(instance, catalog, configuration.load, path, largestPageBytes)),
      }
      return
    }
    const { query } = configuration
    if (query === undefined) throw notLearnt('jobs other than query and load')
    const script = scriptOf(query.query, query.queryParameters ?? [], query.defaultDataset?.datasetId)
    const kind = statementType(script.program)
    if (kind === 'SCRIPT' && query.destinationEncryptionConfiguration !== undefined) {
      throw invalid('configuration.query.destinationEncryptionConfiguration cannot be set for scripts')
    }
    const limit = Number(query.maximumBytesBilled ?? Number.POSITIVE_INFINITY)
    const { result, bytes, exported } = await runScript(instance, catalog, turns, script, limit, {
      onBegin: () => meet(fault),
      onChange: () => held(fault),
      losesChanges: fault?.losesChanges ?? false,
    })
    job.result = result
    statistics.totalBytesProcessed = String(bytes)
    statistics.query = {
      statementType: kind,
      totalBytesProcessed: String(bytes),
      ...(exported === null ? {} : { exportDataStatistics: { rowCount: String(exported) } }),
    }
  }

  return {
    get all() {
      return [...jobs.values()]
    },

    get(id, location) {
      const job = jobs.get(id)
      const there =
        location === undefined || location.toLowerCase() === job?.resource.jobReference.location.toLowerCase()
      if (job === undefined || !there) throw notFound(`Job ${catalog.project}:${location ?? 'US'}.${id}`)
      return job
    },

    async insert(project, { configuration, jobReference = {} }, file) {
      const { query } = configuration
      if (query?.useLegacySql !== false && query !== undefined) throw notLearnt('legacy SQL')
      const jobId = jobReference.jobId ?? `job_${jobs.size}_${Math.random().toString(36).slice(2)}`
      if (!/^[A-Za-z0-9_-]{1,1024}$/.test(jobId)) throw invalid(`Invalid job ID "${jobId}".`)
      const location = jobReference.location ?? 'US'
      for (const named of [query?.defaultDataset, configuration.load?.destinationTable]) {
        if (named === undefined) continue
        const { projectId = project, datasetId: id } = named
        if (projectId !== catalog.project) throw notFound(`Dataset ${projectId}:${id}`)
        const dataset = catalog.dataset(id)
        if (dataset.location.toLowerCase() !== location.toLowerCase()) {
          throw notFound(`Dataset ${catalog.project}:${id} was not found in location ${location}`)
        }
      }
      const resource: JobResource = {
        kind: 'bigquery#job',
        id: `${project}:${location}.${jobId}`,
        jobReference: { projectId: project, jobId, location },
        configuration,
        status: { state: 'RUNNING' },
        statistics: { creationTime: String(Date.now()), startTime: String(Date.now()) },
      }
      if (configuration.dryRun === true) {
        if (query === undefined) throw notLearnt('dry runs of loads')
        const script = scriptOf(query.query, query.queryParameters ?? [], query.defaultDataset?.datasetId)
        const bytes = String(
          await dryRun(instance, catalog, script).catch((error) =>
            Promise.reject(refusalOf(error, catalog.project, script.sql)),
          ),
        )
        resource.status.state = 'DONE'
        resource.statistics.totalBytesProcessed = bytes
        resource.statistics.query = { statementType: statementType(script.program), totalBytesProcessed: bytes }
        return { resource, result: null, done: Promise.resolve(), cancel() {} }
      }
      if (jobs.has(jobId)) throw duplicate(`Job ${catalog.project}:${location}.${jobId}`)

      const cancelling = new AbortController()
      const fault = faults.find(({ job, times }) => times > 0 && job.test(jobId))
      if (fault !== undefined) fault.times--
      const finish = async (): Promise<void> => {
        try {
          await undergo(fault, cancelling.signal)
          await run(resource, job, file, fault)
        } catch (error) {
          const { reason, message } = refusalOf(error, catalog.project)
          Object.assign(resource.status, { errorResult: { reason, message }, errors: [{ reason, message }] })
        }
        resource.statistics.endTime = String(Date.now())
        resource.status.state = 'DONE'
      }
      const job: Job = { resource, result: null, cancel: () => cancelling.abort(), done: finish() }
      jobs.set(jobId, job)
      fault?.onMatch?.()
      if (fault?.does === 'done at once') await job.done
      return job
    },
  }
}

async function undergo(fault: JobFault | undefined, cancelled: AbortSignal): Promise<void> {
  // Whoever inserted the job has it in hand before it does anything.
  await new Promise(setImmediate)
  if (typeof fault?.does === 'object' && 'reason' in fault.does) {
    throw new Refusal(400, fault.does.reason, fault.does.message)
  }
  if (fault?.does !== 'stays running') return
  if (!cancelled.aborted) await new Promise((resolve) => cancelled.addEventListener('abort', resolve, { once: true }))
  throw new Refusal(499, 'stopped', 'Job execution was cancelled: User requested cancellation')
}

const held = async (fault: JobFault | undefined): Promise<void> => {
  if (typeof fault?.does === 'object' && 'heldUntil' in fault.does) await fault.does.heldUntil
}

const waiting = new WeakMap<JobFault, (() => void)[]>()

async function meet(fault: JobFault | undefined): Promise<void> {
  if (fault?.does !== 'meet in transactions') return
  const others = waiting.get(fault) ?? []
  waiting.set(fault, others)
  const all = others.length + 1 === fault.of
  if (!all) return new Promise((resolve) => others.push(resolve))
  for (const go of others) go()
}
