/** Works on the files of a lake in a folder as somebody else would. */

import { readdirSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

/** The paths of the files below a folder of the lake, in order. */
export const filesOf = (lake: string, folder: string): string[] =>
  readdirSync(join(lake, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.parquet'))
    .map((name) => join(lake, folder, name))
    .sort()

export async function withDuckDB<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    return await work(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Takes a column out of every file of a table. */
export async function dropColumn(lake: string, table: string, column: string): Promise<void> {
  await withDuckDB(async (connection) => {
    for (const path of filesOf(lake, table)) {
      const named = (file: string): string => `'${file.replaceAll("'", "''")}'`
      const rows = `SELECT * EXCLUDE ("${column}") FROM read_parquet(${named(path.replace(/[*?[]/g, '[$&]'))}, hive_partitioning = false)`
      await connection.run(`COPY (${rows}) TO ${named(`${path}.part`)} (FORMAT parquet, USE_TMP_FILE false)`)
      await rename(`${path}.part`, path)
    }
  })
}
