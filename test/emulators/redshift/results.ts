/** Results as the Data API gives them: typed fields, in pages. */

import type { PartResult } from './engine.js'
import { RedshiftError, Refusal } from './refusals.js'
import type { Statement } from './statements.js'

/** PostgreSQL's types under Redshift's names; `super` is a domain over jsonb. */
export const TYPE_NAMES: Readonly<Record<number, string>> = {
  16: 'bool',
  19: 'name',
  20: 'int8',
  21: 'int2',
  23: 'int4',
  25: 'varchar',
  700: 'float4',
  701: 'float8',
  1042: 'bpchar',
  1043: 'varchar',
  1082: 'date',
  1114: 'timestamp',
  1184: 'timestamptz',
  1700: 'numeric',
  3802: 'super',
}

const MOST_ROW_BYTES = 64 * 1024

/** "The Data API size limit is 64 KB per row." */
export function checkRows(result: PartResult): void {
  for (const row of result.rows) {
    const bytes = row.reduce((sum: number, value) => sum + (value === null ? 0 : Buffer.byteLength(String(value))), 0)
    if (bytes > MOST_ROW_BYTES) throw new RedshiftError(`Packet for query is too large (${bytes} > ${MOST_ROW_BYTES})`)
  }
}

export function resultPage(statement: Statement, part: number | null, token: unknown, pageRows: number) {
  if (statement.status !== 'FINISHED')
    throw new Refusal('ValidationException', 'Query does not have result. Please check query status.')
  if (part === null && statement.parts.length > 1)
    throw new Refusal('ValidationException', 'Name the statement of the batch: id:1.')
  const result = statement.parts[part ?? 0]?.result
  if (result === undefined || result.columns.length === 0)
    throw new Refusal('ResourceNotFoundException', 'Query does not have result.')
  const from = token === undefined ? 0 : Number(Buffer.from(String(token), 'base64').toString())
  const rows = result.rows.slice(from, from + pageRows)
  const next =
    from + pageRows < result.rows.length ? Buffer.from(String(from + pageRows)).toString('base64') : undefined
  return {
    ColumnMetadata: result.columns.map(({ name, type }, i) => ({
      name,
      label: name,
      typeName: nameOf(type),
      scale: type === 1700 && result.rows.some((row) => String(row[i] ?? '').includes('.')) ? 6 : 0,
    })),
    Records: rows.map((row) => row.map((value, i) => field(value, nameOf(result.columns[i]?.type ?? 0)))),
    TotalNumRows: result.rows.length,
    ...(next === undefined ? {} : { NextToken: next }),
  }
}

function nameOf(type: number): string {
  const name = TYPE_NAMES[type]
  if (name === undefined) throw new Error(`the stand-in has no name of Redshift's for PostgreSQL's type ${type}`)
  return name
}

/** All values come from the engine as text. */
function field(value: string | null, type: string) {
  if (value === null) return { isNull: true }
  if (type === 'bool') return { booleanValue: value === 't' }
  if (/^int/.test(type)) return { longValue: Number(value) }
  if (/^float/.test(type)) return { doubleValue: Number(value) }
  return { stringValue: type === 'super' ? compact(value) : value }
}

/** SUPER is written without white space. */
const compact = (json: string): string =>
  json.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (token) => (token.startsWith('"') ? token : ''))
