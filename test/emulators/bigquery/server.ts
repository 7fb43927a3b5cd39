/**
 * A local stand-in for BigQuery's REST API v2: the calls that the official client and `bq` make, SQL on DuckDB.
 * What it has not learnt it answers with 501.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { listen } from '../../../src/demo/listening.js'
import { errorBody, notFound, notLearnt, Refusal, refusalOf } from './answers.js'
import { type DatasetResource, newCatalog, type TableResource } from './catalog.js'
import { type Configuration, type JobFault, type JobResource, newJobStore } from './jobs.js'
import { parseJsonFunctions } from './parse-json.js'
import { pageOf } from './results.js'
import { quoted } from './translate.js'
import { bodyOf, contentRange, multipart } from './upload.js'

/** What a test wants to become of requests that match `METHOD /path`. */
export interface RequestFault {
  readonly request: RegExp
  /** The connection breaks before anything is done, or after all is done; or an error is answered; or nothing happens yet. */
  readonly does:
    | 'pass'
    | 'reset'
    | 'lost answer'
    | { readonly status: number; readonly reason: string; readonly message?: string }
  times: number
  onMatch?(): void
}

export interface StandIn {
  readonly url: string
  readonly project: string
  /** `METHOD /path` of each request, in their order. */
  readonly requests: string[]
  /** Those that brought a login along. */
  readonly logins: string[]
  readonly faults: RequestFault[]
  readonly jobFaults: JobFault[]
  /** Those there are, in the order of their beginning. */
  jobs(): JobResource[]
  tables(dataset: string): TableResource[]
  dataset(id: string): DatasetResource
  /** As somebody with rights may change a table meanwhile. */
  patch(dataset: string, table: string, body: Partial<TableResource>): Promise<unknown>
  dropColumn(dataset: string, table: string, column: string): Promise<void>
  close(): Promise<void>
}

export interface StandInOptions {
  /** Rows that a page of results has at most. */
  readonly pageRows?: number
  /** Of the datasets that are made: as a project's administrators may have set them, and as the sandbox does. */
  readonly defaults?: { readonly defaultTableExpirationMs?: string; readonly defaultPartitionExpirationMs?: string }
  /** Of a Parquet file that is loaded: a small limit stands for a large file. */
  readonly largestPageBytes?: number
  /** A local file with the bytes of a `gs://` object. */
  readonly fetchObject?: (uri: string) => Promise<string>
}

export const PROJECT = 'stand-in-project'
/** Has no datasets; jobs can run, and be paid for, there. */
export const BILLING_PROJECT = 'stand-in-billing'

export async function startBigQuery(options: StandInOptions = {}): Promise<StandIn> {
  const { pageRows = 100_000, fetchObject = () => Promise.reject(notLearnt('loading from a bucket')) } = options
  const folder = await mkdtemp(join(tmpdir(), 'bigquery-stand-in-'))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  for (const each of parseJsonFunctions()) connection.registerScalarFunction(each)
  await connection.run("SET TimeZone = 'UTC'")
  const catalog = newCatalog(PROJECT, connection)
  const faults: RequestFault[] = []
  const jobFaults: JobFault[] = []
  const jobs = newJobStore(instance, catalog, jobFaults, fetchObject, options.largestPageBytes)
  const requests: string[] = []
  const logins: string[] = []
  const uploads = new Map<string, { json: unknown; chunks: Buffer[] }>()
  let files = 0

  async function insertWithFile(project: string, json: unknown, bytes: Buffer): Promise<JobResource> {
    const path = join(folder, `${files++}.parquet`)
    await writeFile(path, bytes)
    const job = await jobs.insert(project, json as { configuration: Configuration }, path)
    return job.resource
  }

  async function upload(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<unknown> {
    const project = projectOf(/\/projects\/([^/]+)\//.exec(request.url ?? '')?.[1])
    const body = await bodyOf(request)
    const type = query.get('uploadType')
    if (type === 'multipart') {
      const { json, file } = multipart(body, request.headers['content-type'] ?? '')
      return insertWithFile(project, json, file)
    }
    if (type !== 'resumable') throw notLearnt(`uploads of type ${type}`)
    const id = query.get('upload_id')
    if (id === null) {
      const created = `upload-${uploads.size}`
      uploads.set(created, { json: JSON.parse(body.toString()), chunks: [] })
      response.setHeader('location', `http://${request.headers.host}${request.url}&upload_id=${created}`)
      return {}
    }
    const session = uploads.get(id)
    if (session === undefined) throw notFound(`Upload ${id}`)
    const { from, total } = contentRange(request.headers['content-range'])
    const had = session.chunks.reduce((sum, { length }) => sum + length, 0)
    if (from !== null && from !== had) throw new Refusal(400, 'invalid', 'Invalid range')
    session.chunks.push(body)
    if (total !== null && had + body.length < total) return incomplete(response, had + body.length)
    if (total === null && request.headers['content-range'] !== undefined) return incomplete(response, had + body.length)
    return insertWithFile(project, session.json, Buffer.concat(session.chunks))
  }

  function incomplete(response: ServerResponse, bytes: number): Record<string, never> {
    response.statusCode = 308
    response.setHeader('range', `bytes=0-${bytes - 1}`)
    return {}
  }

  async function answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<unknown> {
    const { searchParams: query } = url
    if (url.pathname.startsWith('/upload/')) return upload(request, response, query)
    const path = /^\/bigquery\/v2\/projects\/([^/]+)\/(.*)$/.exec(url.pathname)
    const project = projectOf(path?.[1])
    const [collection, id = '', part, name = '', data] = (path?.[2] ?? '').split('/').map(decodeURIComponent)
    if (collection === 'datasets' && project !== PROJECT) throw notFound(`Dataset ${project}:${id}`)
    const body = async <T>(): Promise<T> => JSON.parse((await bodyOf(request)).toString())
    switch (
      `${request.method} ${collection}${id === '' ? '' : '/'}${part === undefined ? '' : `/${part}`}${name === '' ? '' : '/'}${data === undefined ? '' : `/${data}`}`
    ) {
      case 'GET datasets':
        return {
          datasets: catalog.datasets().map(({ datasetReference, location }) => ({ datasetReference, location })),
        }
      case 'POST datasets':
        return withoutTables(await catalog.createDataset({ ...options.defaults, ...(await body<Creation>()) }))
      case 'GET datasets/':
        return withoutTables(catalog.dataset(id))
      case 'GET datasets//tables':
        return { tables: catalog.tables(id), totalItems: catalog.tables(id).length }
      case 'POST datasets//tables':
        return catalog.createTable(id, await body())
      case 'GET datasets//tables/':
        return catalog.describeTable(id, name)
      case 'PATCH datasets//tables/':
        await catalog.patchTable(id, name, await body())
        return catalog.describeTable(id, name)
      case 'DELETE datasets//tables/':
        return catalog.deleteTable(id, name)
      case 'GET datasets//tables//data': {
        const rows = await connection.runAndReadAll(`SELECT * FROM ${quoted(id)}.${quoted(name)}`)
        return pageOf(rows, Number(query.get('startIndex') ?? 0), Number(query.get('maxResults') ?? pageRows))
      }
      case 'GET jobs':
        return { jobs: jobs.all.map(({ resource }) => ({ ...resource, state: resource.status.state })) }
      case 'POST jobs':
        return (await jobs.insert(project, await body())).resource
      case 'GET jobs/':
        return jobs.get(id, query.get('location') ?? undefined).resource
      case 'POST jobs//cancel': {
        const job = jobs.get(id, query.get('location') ?? undefined)
        job.cancel()
        return { kind: 'bigquery#jobCancelResponse', job: job.resource }
      }
      case 'GET queries/': {
        const job = jobs.get(id, query.get('location') ?? undefined)
        await job.done
        const { errorResult } = job.resource.status
        if (errorResult !== undefined) throw new Refusal(400, errorResult.reason, errorResult.message)
        const size = Math.min(Number(query.get('maxResults') ?? pageRows), pageRows)
        const page = pageOf(job.result, Number(query.get('pageToken') ?? 0), size)
        return { ...page, jobComplete: true, jobReference: job.resource.jobReference }
      }
      default:
        throw notLearnt(`${request.method} ${url.pathname}`)
    }
  }

  const server = await listen(async (request, response) => {
    const at = new URL(request.url ?? '/', 'http://stand-in')
    const line = `${request.method} ${at.pathname}`
    requests.push(line)
    if (request.headers.authorization !== undefined) logins.push(line)
    const fault = faults.find((each) => each.times > 0 && each.request.test(line))
    if (fault !== undefined) fault.times--
    fault?.onMatch?.()
    if (fault?.does === 'reset') return void request.socket.destroy()
    try {
      if (typeof fault?.does === 'object') {
        await bodyOf(request)
        throw new Refusal(fault.does.status, fault.does.reason, fault.does.message ?? fault.does.reason)
      }
      const body = await answer(request, response, at)
      if (fault?.does === 'lost answer') return void request.socket.destroy()
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(body ?? {}))
    } catch (error) {
      const refusal = refusalOf(error, PROJECT)
      response.statusCode = refusal.status
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(errorBody(refusal)))
    }
  })
  return {
    url: server.url,
    project: PROJECT,
    requests,
    logins,
    faults,
    jobFaults,
    jobs: () => jobs.all.map(({ resource }) => resource),
    tables: (dataset) => catalog.tables(dataset),
    dataset: (id) => catalog.dataset(id),
    patch: (dataset, table, body) => catalog.patchTable(dataset, table, body),
    dropColumn: (dataset, table, column) => catalog.dropColumn(dataset, table, column),
    async close() {
      await server.close()
      for (const job of jobs.all) job.cancel()
      await Promise.all(jobs.all.map(({ done }) => done))
      connection.closeSync()
      instance.closeSync()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

type Creation = Parameters<ReturnType<typeof newCatalog>['createDataset']>[0]

function projectOf(name = ''): string {
  if (name !== PROJECT && name !== BILLING_PROJECT) throw notFound(`Project ${name}`)
  return name
}

const withoutTables = <T extends { tables: unknown }>({ tables: _, ...rest }: T): Omit<T, 'tables'> => rest
