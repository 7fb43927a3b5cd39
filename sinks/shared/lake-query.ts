/** Answers a query: views over the lake's files in a read-only database. */

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Span } from '../../schemas/day-digest.js'
import { DUCKDB } from '../../schemas/ddl.js'
import { AUDIT_EVENTS, TABLES, type Table } from '../../schemas/tables.js'
import type { QueryParameters, QueryResult } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { DUCKDB_VIEWS } from './duckdb-forms.js'
import { asPattern, rowsIn } from './parquet-rows.js'
import { openRoom, type Room } from './room.js'
import type { View } from './views.js'

/** A relation over the files of a table, for questions about the files themselves. */
export interface FileRelation {
  readonly name: string
  readonly table: Table
  /** @param files local copies, whose names contain those in the lake */
  sql(files: readonly string[]): string
}

/** Fetches the files that make up a table. */
export interface TableFiles {
  readonly relations?: readonly FileRelation[]
  /** @param days if given, only the events of these days are needed */
  filesOf(table: Table, signal: AbortSignal, days?: ReadonlySet<string>): Promise<string[]>
}

interface Definitions {
  readonly views: readonly View[]
  /** The files that the views read. */
  readonly files: readonly string[]
}

const DAY_MS = 86_400_000

/** Those of the days, as `2026-10-01`, that overlap a span. */
export const daysIn = (days: readonly string[], spans: readonly Span[]): string[] =>
  days.filter((day) => {
    const start = Date.parse(day)
    return spans.some(({ from, to }) => start < to.getTime() && start + DAY_MS > from.getTime())
  })

/** A relation of its own: the events of some days, for which no other file is fetched. */
export const eventsOfDays = (days: readonly string[]): string => DUCKDB.quote(`audit_events of ${days.join(', ')}`)

const EVENTS_OF_DAYS = /"(audit_events of ((?:\d{4}-\d\d-\d\d(?:, )?)*))"/g

/** Runs one statement over the current files of the tables and views it names. */
export async function askLake(
  id: string,
  lake: TableFiles,
  { sql, parameters }: { readonly sql: string; readonly parameters: QueryParameters },
  signal: AbortSignal,
): Promise<QueryResult> {
  const room = await openRoom(id)
  try {
    return await room.ask(sql, parameters, await fill(room, lake, sql, signal))
  } catch (error) {
    room.close()
    throw duckdbError(id, error)
  }
}

/** Writes the answer to a new Parquet file. */
export async function writeFromLake(
  id: string,
  lake: TableFiles,
  { sql, file, memoryBytes }: { readonly sql: string; readonly file: string; readonly memoryBytes: number },
  signal: AbortSignal,
): Promise<void> {
  const room = await openRoom(id, memoryBytes)
  try {
    await room.write(sql, file, await fill(room, lake, sql, signal))
  } catch (error) {
    throw duckdbError(id, error)
  } finally {
    room.close()
  }
}

/** @returns the files that may be opened, as paths and as patterns */
async function fill(
  { connection, folder }: Room,
  lake: TableFiles,
  sql: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { views, files } = await definitions(sql, lake, signal)
  await attachViews(connection, views, join(folder, 'views.duckdb'))
  return [...files, ...files.map(asPattern)]
}

/**
 * Fetches only tables whose names appear in the statement, because a lake in a store can be large. A table that a statement reaches
 * without its name is not defined: that is an error, never an empty result.
 */
async function definitions(sql: string, lake: TableFiles, signal: AbortSignal): Promise<Definitions> {
  const named = (name: string, text: string): boolean => text.toLowerCase().includes(name)
  const tables = []
  const files = []
  const days = new Map([...sql.matchAll(EVENTS_OF_DAYS)].map(([, name = '', listed = '']) => [name, listed]))
  for (const [name, listed] of days) {
    const paths = await lake.filesOf(AUDIT_EVENTS, signal, new Set(listed.split(', ')))
    tables.push({ name, sql: typedRows(AUDIT_EVENTS, paths) })
    files.push(...paths)
  }
  let others = sql.replace(EVENTS_OF_DAYS, '')
  for (const relation of lake.relations ?? []) {
    const quoted = DUCKDB.quote(relation.name)
    if (!others.includes(quoted)) continue
    const paths = await lake.filesOf(relation.table, signal)
    tables.push({ name: relation.name, sql: relation.sql(paths) })
    files.push(...paths)
    others = others.replaceAll(quoted, '')
  }
  const over = DUCKDB_VIEWS.filter(({ name }) => named(name, others))
  const text = [others, ...over.map((view) => view.sql)].join('\n')
  for (const table of TABLES.filter(({ name }) => named(name, text))) {
    const paths = await lake.filesOf(table, signal)
    tables.push({ name: table.name, sql: typedRows(table, paths) })
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
