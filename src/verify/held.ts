/** What a sink answers, as a relation of the engine. */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { QueryResult, Sink } from '../contract.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import type { Engine } from '../transform/engine.js'

/** A sink whose content is compared. */
export type Held = Pick<Sink, 'query' | 'queryTo' | 'questions'>

export interface Workplace {
  readonly engine: Engine
  /** For files of the comparison. */
  readonly folder: string
}

/**
 * Asks the sink, and makes its answer known to the engine while `work` runs.
 *
 * @param columns those of the answer, in its order
 * @param work gets the relation, whose columns are texts
 */
export async function withAnswer<T>(
  { engine, folder }: Workplace,
  held: Held,
  sql: string,
  columns: readonly string[],
  work: (relation: string) => Promise<T>,
): Promise<T> {
  const names = columns.map(quotedIdentifier)
  if (held.queryTo === undefined) {
    await engine.run(`CREATE OR REPLACE TABLE held (${names.map((name) => `${name} VARCHAR`).join(', ')})`)
    await appendRows(engine, 'held', columns.length, await held.query(sql))
    const found = await work('held')
    await engine.run('DROP TABLE held')
    return found
  }
  const file = join(folder, 'held.parquet')
  try {
    await held.queryTo(file, sql, engine.memoryLimit)
    const texts = names.map((name) => `CAST(${name} AS VARCHAR) AS ${name}`)
    return await work(`(SELECT ${texts.join(', ')} FROM read_parquet(${quotedString(file)}))`)
  } finally {
    await rm(file, { force: true })
  }
}

const FLUSHED_AT = 10_000

/** Adds the rows, as they arrive, to a table of the engine whose columns are texts. */
async function appendRows(engine: Engine, table: string, columns: number, { rows }: QueryResult): Promise<void> {
  const appender = await engine.connection.createAppender(table)
  try {
    let pending = 0
    for await (const row of rows) {
      for (let i = 0; i < columns; i++) {
        const value = row[i] ?? null
        if (value === null) appender.appendNull()
        else appender.appendVarchar(String(value))
      }
      appender.endRow()
      if (++pending % FLUSHED_AT === 0) appender.flushSync()
    }
  } finally {
    appender.closeSync()
  }
}
