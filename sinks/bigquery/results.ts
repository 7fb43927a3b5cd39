/** Pages of a query's result as the contract's rows. */

import type { BigQuery, TableField } from '@google-cloud/bigquery'
import type { ColumnType, QueryResult, Value } from '../../src/contract.js'
import { retrying } from '../../src/retry.js'
import { rfc3339 } from '../shared/instants.js'
import { bigqueryError } from './errors.js'
import { call } from './jobs.js'

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
const never = new AbortController().signal

export interface FinishedQuery {
  readonly who: string
  readonly client: BigQuery
  readonly jobId: string
  readonly location: string
}

/** Takes the first page at once, the others as they are read. The client's own reading makes instants of Dates. */
export async function resultOf(query: FinishedQuery): Promise<QueryResult> {
  const first = await pageOf(query, undefined)
  const fields = first.schema?.fields ?? []
  return {
    columns: fields.map((field) => ({ name: field.name ?? '', type: typeOf(field) })),
    rows: rowsOf(query, first, fields),
  }
}

async function* rowsOf(
  query: FinishedQuery,
  first: Page,
  fields: readonly TableField[],
): AsyncGenerator<readonly Value[]> {
  for (let page = first; ; page = await pageOf(query, page.pageToken)) {
    for (const { f } of page.rows ?? []) yield f.map(({ v }, i) => plain(v, fields[i]))
    if (page.pageToken === undefined) return
  }
}

function pageOf({ who, client, jobId, location }: FinishedQuery, pageToken: string | undefined): Promise<Page> {
  const qs = {
    location,
    maxResults: ROWS_A_PAGE,
    'formatOptions.useInt64Timestamp': true,
    ...(pageToken === undefined ? {} : { pageToken }),
  }
  return retrying(
    async () => {
      try {
        return await call<Page>(client, { uri: `/queries/${jobId}`, qs })
      } catch (error) {
        throw bigqueryError(`${who}: reading the result of job ${jobId}`, error)
      }
    },
    never,
    6,
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

/** Structs and arrays as JSON; scalars in them as text, as BigQuery writes them. */
function nested(cell: Cell, field: TableField): unknown {
  if (cell === null || typeof cell === 'string') return cell
  if ('f' in cell) {
    return Object.fromEntries(
      cell.f.map(({ v }, i) => [field.fields?.[i]?.name ?? '', nested(v, field.fields?.[i] ?? {})]),
    )
  }
  return cell.map(({ v }) => nested(v, { ...field, mode: 'NULLABLE' }))
}
