/** Reads a sink's tables back, and rebuilds each record from its row. */

import { AUDIT_EVENTS, RECORD_FIELDS, TABLES, type Table } from '../../schemas/tables.js'
import type { Sink, Value } from '../../src/contract.js'
import { type Exact, exact } from './exact.js'

export type RowObject = Readonly<Record<string, Value>>

export async function rowsOf(sink: Sink, sql: string): Promise<RowObject[]> {
  const { columns, rows } = await sink.query(sql)
  const objects: RowObject[] = []
  for await (const row of rows) objects.push(Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null])))
  return objects
}

/** All rows of a table in the order of its key. */
export const tableOf = (sink: Sink, table: Table): Promise<RowObject[]> =>
  rowsOf(
    sink,
    `SELECT ${table.columns.map(({ name }) => name).join(', ')} FROM ${table.name} ORDER BY ${table.key.join(', ')}`,
  )

export const eventsOf = (sink: Sink): Promise<RowObject[]> => tableOf(sink, AUDIT_EVENTS)

/** What of a table every way of loading the same must agree on: all but the provenance. */
export async function contentOf(sink: Sink): Promise<Readonly<Record<string, readonly RowObject[]>>> {
  const contents: Record<string, readonly RowObject[]> = {}
  for (const table of TABLES.filter(({ name }) => name === 'audit_events' || name === 'audit_rejects')) {
    const lasting = table.columns.filter((column) => column.class !== 'provenance').map(({ name }) => name)
    contents[table.name] = await rowsOf(
      sink,
      `SELECT ${lasting.join(', ')} FROM ${table.name} ORDER BY ${table.key.join(', ')}`,
    )
  }
  return contents
}

/** The record of a row, numbers to the digit and documented keys as text: its columns, then what `extra` holds. */
export function rebuild(row: RowObject): Readonly<Record<string, Exact>> {
  const columns = RECORD_FIELDS.filter((field) => row[field] !== null).map((field) => [field, String(row[field])])
  return { ...Object.fromEntries(columns), ...(row.extra === null ? {} : (exact(String(row.extra)) as object)) }
}
