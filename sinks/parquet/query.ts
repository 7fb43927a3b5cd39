/** Answers a query: views over the lake's files in a read-only database. */

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import type { Table } from '../../schemas/tables.js'
import type { QueryParameters, QueryResult } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { DUCKDB_VIEWS } from '../shared/duckdb-forms.js'
import { openRoom } from '../shared/room.js'
import type { View } from '../shared/views.js'
import { asPattern, EVENTS, LAYOUTS, rowsIn } from './layout.js'
import { PLACES } from './places.js'
import type { Snapshots } from './snapshot.js'

interface Definitions {
  readonly views: readonly View[]
  /** The files that the views read. */
  readonly files: readonly string[]
}

/** A relation of its own: the events of some days, for which no other file is fetched. */
export const eventsOfDays = (days: readonly string[]): string => DUCKDB.quote(`audit_events of ${days.join(', ')}`)

const EVENTS_OF_DAYS = /"(audit_events of ((?:\d{4}-\d\d-\d\d(?:, )?)*))"/g

/** Runs one statement over the current files of the tables and views it names. */
export async function askLake(
  id: string,
  lake: Snapshots,
  { sql, parameters }: { readonly sql: string; readonly parameters: QueryParameters },
  signal: AbortSignal,
): Promise<QueryResult> {
  const room = await openRoom(id)
  try {
    const { views, files } = await definitions(sql, lake, signal)
    await attachViews(room.connection, views, join(room.folder, 'views.duckdb'))
    return await room.ask(sql, parameters, [...files, ...files.map(asPattern)])
  } catch (error) {
    room.close()
    throw duckdbError(id, error)
  }
}

/**
 * Fetches only tables whose names appear in the statement, because a lake in a store can be large. A table that a statement reaches
 * without its name is not defined: that is an error, never an empty result.
 */
async function definitions(sql: string, lake: Snapshots, signal: AbortSignal): Promise<Definitions> {
  const named = (name: string, text: string): boolean => text.toLowerCase().includes(name)
  const tables = []
  const files = []
  const days = new Map([...sql.matchAll(EVENTS_OF_DAYS)].map(([, name = '', listed = '']) => [name, listed]))
  for (const [name, listed] of days) {
    const paths = await lake.filesOf(EVENTS, signal, new Set(listed.split(', ')))
    tables.push({ name, sql: typedRows(EVENTS.table, paths) })
    files.push(...paths)
  }
  let others = sql.replace(EVENTS_OF_DAYS, '')
  for (const { name, layout, sql: over } of PLACES.filter(({ name }) => others.includes(DUCKDB.quote(name)))) {
    const paths = await lake.filesOf(layout, signal)
    tables.push({ name, sql: over(paths) })
    files.push(...paths)
    others = others.replaceAll(DUCKDB.quote(name), '')
  }
  const over = DUCKDB_VIEWS.filter(({ name }) => named(name, others))
  const text = [others, ...over.map((view) => view.sql)].join('\n')
  for (const layout of LAYOUTS.filter(({ table }) => named(table.name, text))) {
    const paths = await lake.filesOf(layout, signal)
    tables.push({ name: layout.table.name, sql: typedRows(layout.table, paths) })
    files.push(...paths)
  }
  return { views: [...tables, ...over], files }
}

/** Rows with the types of the DuckDB sink's tables. */
function typedRows(table: Table, files: readonly string[]): string {
  const columns = table.columns.map(
    ({ name, type }) => `CAST(${DUCKDB.quote(name)} AS ${DUCKDB.types[type]}) AS ${DUCKDB.quote(name)}`,
  )
  return `SELECT ${columns.join(', ')} FROM (${rowsIn(table, files)})`
}

async function attachViews(connection: DuckDBConnection, defined: readonly View[], path: string): Promise<void> {
  const database = quotedString(path)
  await connection.run(`ATTACH ${database} AS views`)
  await connection.run('USE views')
  for (const { name, sql } of defined) await connection.run(`CREATE VIEW ${DUCKDB.quote(name)} AS\n${sql}`)
  await connection.run('USE memory')
  await connection.run('DETACH views')
  await connection.run(`ATTACH ${database} AS lake (READ_ONLY)`)
  await connection.run('USE lake')
}
