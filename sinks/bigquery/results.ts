/** Pages of a query's result as the contract's rows. */

import type { TableField } from '@google-cloud/bigquery'
import type { ColumnType, QueryResult, Value } from '../../src/contract.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { rfc3339 } from '../../src/rfc3339.js'
import type { JobContext } from './jobs.js'
import { call, requesting } from './request.js'

/** https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults */
interface Page {
  readonly schema?: { readonly fields?: readonly TableField[] }
  readonly rows?: readonly Cells[]
  readonly pageToken?: string
}

interface Cells {
  readonly f: readonly { readonly v: Cell }[]
}

type Cell = string | null | Cells | readonly { readonly v: Cell }[]

const TYPES: Readonly<Record<string, ColumnType>> = {
  BOOL: 'boolean',
  BOOLEAN: 'boolean',
  INT64: 'integer',
  INTEGER: 'integer',
  FLOAT64: 'double',
  FLOAT: 'double',
  TIMESTAMP: 'timestamp',
  DATE: 'date',
  JSON: 'json',
  RECORD: 'json',
  STRUCT: 'json',
}

const ROWS_A_PAGE = 10_000

/** Fetches the first page at once, and the others as they are read. The client's own conversion would lose microseconds in Dates. */
export async function resultOf(context: JobContext, jobId: string): Promise<QueryResult> {
  const first = await pageOf(context, jobId, undefined)
  const fields = first.schema?.fields ?? []
  return {
    columns: fields.map((field) => ({ name: field.name ?? '', type: typeOf(field) })),
    rows: rowsOf(context, jobId, first, fields),
  }
}

async function* rowsOf(
  context: JobContext,
  jobId: string,
  first: Page,
  fields: readonly TableField[],
): AsyncGenerator<readonly Value[]> {
  for (let page = first; ; page = await pageOf(context, jobId, page.pageToken)) {
    for (const { f } of page.rows ?? []) yield f.map(({ v }, i) => plain(v, fields[i]))
    if (page.pageToken === undefined) return
  }
}

function pageOf(context: JobContext, jobId: string, pageToken: string | undefined): Promise<Page> {
  const { client, location } = context
  const qs = {
    location,
    maxResults: ROWS_A_PAGE,
    'formatOptions.useInt64Timestamp': true,
    ...(pageToken === undefined ? {} : { pageToken }),
  }
  return requesting(context, `reading the result of job ${jobId}`, NEVER_ABORTED, () =>
    call<Page>(client, { uri: `/queries/${jobId}`, qs }),
  )
}

const typeOf = ({ type, mode }: TableField): ColumnType =>
  mode === 'REPEATED' ? 'json' : (TYPES[type ?? ''] ?? 'text')

function plain(cell: Cell, field: TableField = {}): Value {
  if (cell === null) return null
  if (typeof cell !== 'string') return JSON.stringify(nested(cell, field))
  switch (typeOf(field)) {
    case 'boolean':
      return cell === 'true'
    case 'integer':
      return Number.isSafeInteger(Number(cell)) ? Number(cell) : BigInt(cell)
    case 'double':
      return Number(cell)
    case 'timestamp':
      return rfc3339(BigInt(cell))
    default:
      return cell
  }
}

/** Structs and arrays as JSON; scalars in them as text, in BigQuery's own form. */
function nested(cell: Cell, field: TableField): unknown {
  if (cell === null || typeof cell === 'string') return cell
  if ('f' in cell) {
    return Object.fromEntries(
      cell.f.map(({ v }, i) => [field.fields?.[i]?.name ?? '', nested(v, field.fields?.[i] ?? {})]),
    )
  }
  return cell.map(({ v }) => nested(v, { ...field, mode: 'NULLABLE' }))
}
