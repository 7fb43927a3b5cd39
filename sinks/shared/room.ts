/**
 * A room: a DuckDB for one question. What the question may find is put in; then the door is shut, and no file, no
 * network and no setting can be reached from inside.
 */

import type { DuckDBConnection, DuckDBExtractedStatements, DuckDBResult } from '@duckdb/node-api'
import type { QueryResult } from '../../src/contract.js'
import { openConnection } from '../../src/duckdb/connection.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { columnsOf, rowsOf } from '../../src/duckdb/results.js'
import { notAQuestion } from './refusal.js'

export interface Room {
  readonly connection: DuckDBConnection
  /** For files that must be there while the question is answered; gone with the room. */
  readonly folder: string
  /**
   * Shuts the door and asks. The room is closed when the last row was taken, or the reader stops before.
   *
   * @param files what may still be opened, beside attached databases; a pattern counts as the text that it is
   * @throws AuditError, exit code 2, when the text is not exactly one statement that reads; nothing of it was run then
   */
  ask(sql: string, files?: readonly string[]): Promise<QueryResult>
  close(): void
}

/** @param id whose question it is, for errors */
export async function openRoom(id: string): Promise<Room> {
  const { connection, folder, close } = await openConnection()
  return {
    connection,
    folder,
    async ask(sql, files = []) {
      await shut(connection, files)
      try {
        const statements = await connection.extractStatements(sql)
        if (!(await isQuestion(connection, sql, statements.count))) throw notAQuestion(id)
        const result = await answerOf(connection, statements)
        return { columns: columnsOf(result), rows: rowsOf(id, result, close) }
      } catch (error) {
        throw isRefusedChange(error) ? notAQuestion(id) : duckdbError(id, error)
      }
    },
    close,
  }
}

/**
 * Attaching a database for reading is not enough: the same path could be attached once more for writing.
 *
 * https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
 */
async function shut(connection: DuckDBConnection, files: readonly string[]): Promise<void> {
  await connection.run(`SET allowed_paths = [${files.map(quotedString).join(', ')}]`)
  await connection.run('SET enable_external_access = false')
  await connection.run('SET lock_configuration = true')
}

/** The options of EXPLAIN are words, so nothing can hide among them. */
const EXPLAIN = /^\s*EXPLAIN(?:\s+ANALYZE\s|\s*\([\w\s,]*\)|\s)/i

/**
 * Whether a text that parses is one statement that reads. DuckDB's own parser says so: nothing else can stand in brackets
 * after FROM, and nothing that parses by itself can close them.
 */
async function isQuestion(connection: DuckDBConnection, sql: string, statements: number): Promise<boolean> {
  const explained = sql.replace(EXPLAIN, '')
  // A PIVOT is two statements to DuckDB, of which EXPLAIN would tell of the wrong one.
  if (explained !== sql && statements > 1) return false
  const bracketed = `FROM (\n${explained.replace(/[;\s]+$/, '')}\n)`
  return connection.extractStatements(bracketed).then(
    () => true,
    () => false,
  )
}

async function answerOf(connection: DuckDBConnection, statements: DuckDBExtractedStatements): Promise<DuckDBResult> {
  const last = statements.count - 1
  for (let i = 0; i < last; i++) {
    await (await statements.prepare(i)).run()
    // A function can switch profiling on from within a SELECT, and the next statement would end by writing to a file.
    await connection.run('PRAGMA disable_profiling')
  }
  return (await statements.prepare(last)).stream()
}

/** What a question meets that would change an attached database after all, by `nextval` for example. */
const isRefusedChange = (error: unknown): boolean => /read-only mode/.test(String(error))
