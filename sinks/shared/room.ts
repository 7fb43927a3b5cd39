/**
 * A room is a DuckDB for one question. Its data is put in first; then the door is shut, and no file, network or setting can be
 * reached from inside.
 */

import type {
  DuckDBConnection,
  DuckDBExtractedStatements,
  DuckDBPreparedStatement,
  DuckDBResult,
} from '@duckdb/node-api'
import type { QueryParameters, QueryResult } from '../../src/contract.js'
import { openConnection } from '../../src/duckdb/connection.js'
import { duckdbError, told } from '../../src/duckdb/errors.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { columnsOf, rowsOf } from '../../src/duckdb/results.js'
import type { AuditError } from '../../src/errors.js'
import { indexOfByte, missingParameter, pointedAt, unusedParameter } from './pointing.js'
import { notAQuestion } from './refusal.js'
import { withoutEnd } from './statement-end.js'

/** Rows of a row group, which is in memory as a whole while it is written. */
const WRITTEN_TOGETHER = 20_480

export interface Room {
  readonly connection: DuckDBConnection
  /** For files needed while the question is answered; removed with the room. */
  readonly folder: string
  /**
   * Shuts the door and asks. The room closes when the last row was read or the reader stops early.
   *
   * @param files that may still be opened, besides attached databases; patterns are taken literally
   * @throws AuditError, exit code 2, when the text is not exactly one statement that reads, or has other parameters than are given;
   *   nothing was run then
   */
  ask(sql: string, parameters: QueryParameters, files?: readonly string[]): Promise<QueryResult>
  /** Shuts the door, and writes the answer to a new Parquet file. */
  write(sql: string, path: string, files?: readonly string[]): Promise<void>
  close(): void
}

/**
 * @param id of the sink, for errors
 * @param memoryBytes what DuckDB may use; by default its own limit
 */
export async function openRoom(id: string, memoryBytes?: number): Promise<Room> {
  const { connection, folder, close } = await openConnection()
  if (memoryBytes !== undefined) await connection.run(`SET memory_limit = '${memoryBytes}B'`)
  return {
    connection,
    folder,
    async ask(sql, parameters, files = []) {
      await shut(connection, files)
      return guarded(id, sql, async () => {
        const statements = await questionIn(id, connection, sql)
        const result = await answerOf({ id, connection }, statements, parameters)
        return { columns: columnsOf(result), rows: rowsOf((error) => statementError(id, sql, error), result, close) }
      })
    },
    async write(sql, path, files = []) {
      // Otherwise whole row groups wait in memory for their turn.
      await connection.run('SET preserve_insertion_order = false')
      await shut(connection, [...files, path])
      await guarded(id, sql, async () => {
        await questionIn(id, connection, sql)
        const format = `FORMAT parquet, ROW_GROUP_SIZE ${WRITTEN_TOGETHER}`
        const copy = `COPY (\n${withoutEnd(sql)}\n) TO ${quotedString(path)} (${format})`
        // Of several, which a PIVOT becomes, the first could switch profiling on, and the next one write a file.
        if ((await connection.extractStatements(copy)).count > 1) throw notAQuestion(id)
        await connection.run(copy)
      })
    },
    close,
  }
}

async function guarded<T>(id: string, sql: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw isRefusedChange(error) ? notAQuestion(id) : statementError(id, sql, error)
  }
}

/** @throws AuditError, exit code 2, when the text is not exactly one statement that reads */
async function questionIn(id: string, connection: DuckDBConnection, sql: string): Promise<DuckDBExtractedStatements> {
  const statements = await connection.extractStatements(sql)
  if (!(await isQuestion(connection, sql, statements.count))) throw notAQuestion(id)
  return statements
}

/**
 * Attaching a database read-only is not enough: the same path could be attached once more for writing.
 *
 * https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
 */
async function shut(connection: DuckDBConnection, files: readonly string[]): Promise<void> {
  await connection.run(`SET allowed_paths = [${files.map(quotedString).join(', ')}]`)
  await connection.run('SET enable_external_access = false')
  // The only form in which errors tell the place and the candidates.
  await connection.run('SET errors_as_json = true')
  await connection.run('SET lock_configuration = true')
}

/** The options of EXPLAIN are words, so nothing can hide among them. */
const EXPLAIN = /^\s*EXPLAIN(?:\s+ANALYZE\s|\s*\([\w\s,]*\)|\s)/i

/**
 * Whether a text that parses is one statement that reads. DuckDB's own parser decides: nothing else is allowed in parentheses
 * after FROM, and nothing that parses by itself can close them.
 */
async function isQuestion(connection: DuckDBConnection, sql: string, statements: number): Promise<boolean> {
  const explained = sql.replace(EXPLAIN, '')
  // DuckDB splits a PIVOT into two statements, and EXPLAIN would describe the wrong one.
  if (explained !== sql && statements > 1) return false
  const bracketed = `FROM (\n${withoutEnd(explained)}\n)`
  return connection.extractStatements(bracketed).then(
    () => true,
    () => false,
  )
}

async function answerOf(
  { id, connection }: { readonly id: string; readonly connection: DuckDBConnection },
  statements: DuckDBExtractedStatements,
  parameters: QueryParameters,
): Promise<DuckDBResult> {
  const last = statements.count - 1
  for (let i = 0; i < last; i++) {
    await (await statements.prepare(i)).run()
    // A function in a SELECT can switch profiling on, and the next statement would write a file when it ends.
    await connection.run('PRAGMA disable_profiling')
  }
  const statement = await statements.prepare(last)
  bind(id, statement, parameters)
  return statement.stream()
}

/** Binds texts, which DuckDB casts where it expects something else. */
function bind(id: string, statement: DuckDBPreparedStatement, parameters: QueryParameters): void {
  const unused = new Set(parameters.keys())
  for (let n = 1; n <= statement.parameterCount; n++) {
    const name = statement.parameterName(n)
    const value = parameters.get(name)
    if (value === undefined) throw missingParameter(id, name, '$')
    statement.bindVarchar(n, value)
    unused.delete(name)
  }
  for (const name of unused) throw unusedParameter(id, name, '$')
}

function statementError(id: string, sql: string, error: unknown): AuditError {
  const { position, candidates, name } = told(error)
  const at = position === undefined ? undefined : indexOfByte(sql, position)
  return pointedAt(duckdbError(id, error), sql, { at, unknown: name, candidates: candidates?.split(',') })
}

/** The error of a question that would change an attached database, for example by `nextval`. */
const isRefusedChange = (error: unknown): boolean => /read-only mode/.test(String(error))
