import type { QueryResult } from '../contract.js'
import type { Engine } from '../transform/engine.js'

const FLUSHED_AT = 10_000

/** Adds the rows of a sink's answer, as they arrive, to a table of the engine whose columns are texts. */
export async function heldRows(engine: Engine, table: string, columns: number, { rows }: QueryResult): Promise<void> {
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
