/** One file of a landing zone, applied to its mirrored table by the documented meaning of its row markers. */

import type { DuckDBConnection } from '@duckdb/node-api'

const MARKER = '__rowMarker__'
const SIMPLE =
  /^(?:BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|VARCHAR|BLOB|DATE|TIMESTAMP WITH TIME ZONE|TIMESTAMP)$/

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

type Columns = ReadonlyMap<string, string>

/**
 * @param table quoted; made on first use
 * @throws Error where Fabric would stop the table's replication; then nothing of the file is applied
 */
export async function applyFile(
  connection: DuckDBConnection,
  table: string,
  path: string,
  keyColumns: readonly string[] | null,
): Promise<void> {
  const source = `read_parquet('${path.replaceAll("'", "''")}', file_row_number = true)`
  const all = await columnsOf(connection, source)
  const names = [...all.keys()].filter((name) => name !== 'file_row_number')
  const marked = names.includes(MARKER)
  if (marked && names.at(-1) !== MARKER) throw new Error(`${MARKER} is not the last column`)
  const columns = new Map([...all].filter(([name]) => name !== MARKER && name !== 'file_row_number'))
  for (const [name, type] of columns)
    if (!SIMPLE.test(type)) throw new Error(`column ${name} has no simple type: ${type}`)
  await connection.run('BEGIN TRANSACTION')
  try {
    await addColumns(connection, table, columns)
    await applyRows(connection, table, source, [...columns.keys()], marked, keyColumns)
    await connection.run('COMMIT')
  } catch (error) {
    await connection.run('ROLLBACK')
    throw error
  }
}

async function columnsOf(connection: DuckDBConnection, relation: string): Promise<Columns> {
  const rows = (await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${relation}`)).getRows()
  return new Map(rows.map(([name, type]) => [String(name), String(type)]))
}

/** New columns are added; a column of another type stops the table. */
async function addColumns(connection: DuckDBConnection, table: string, columns: Columns): Promise<void> {
  const definitions = [...columns].map(([name, type]) => `${quoted(name)} ${type}`)
  await connection.run(`CREATE SCHEMA IF NOT EXISTS ${table.slice(0, table.indexOf('.'))}`)
  await connection.run(`CREATE TABLE IF NOT EXISTS ${table} (${definitions.join(', ')})`)
  const known = await columnsOf(connection, table)
  for (const [name, type] of columns) {
    const before = known.get(name)
    if (before === undefined) await connection.run(`ALTER TABLE ${table} ADD COLUMN ${quoted(name)} ${type}`)
    else if (before !== type) throw new Error(`column ${name} was ${before} and is now ${type}`)
  }
}

/** Rows in their order; of neighbours with one marker the last of each key counts. */
async function applyRows(
  connection: DuckDBConnection,
  table: string,
  source: string,
  columns: readonly string[],
  marked: boolean,
  keyColumns: readonly string[] | null,
): Promise<void> {
  const list = columns.map(quoted).join(', ')
  const marker = marked ? quoted(MARKER) : '0'
  const runs = await connection.runAndReadAll(`
    SELECT marker, min(place), max(place) FROM (
      SELECT marker, place, place - row_number() OVER (PARTITION BY marker ORDER BY place) AS run
      FROM (SELECT ${marker} AS marker, file_row_number AS place FROM ${source})
    ) GROUP BY marker, run ORDER BY 2`)
  for (const [value, first, last] of runs.getRows()) {
    const kind = Number(value)
    const rows = `(FROM ${source} WHERE file_row_number BETWEEN ${first} AND ${last})`
    if (value === null || ![0, 1, 2, 4].includes(kind)) throw new Error(`${MARKER} is ${value}`)
    if (kind === 0) {
      await connection.run(`INSERT INTO ${table} (${list}) SELECT ${list} FROM ${rows} ORDER BY file_row_number`)
      continue
    }
    if (keyColumns === null) throw new Error('there are changes, and no keyColumns')
    const same = keyColumns.map((key) => `t.${quoted(key)} IS NOT DISTINCT FROM s.${quoted(key)}`).join(' AND ')
    await connection.run(`DELETE FROM ${table} t USING ${rows} s WHERE ${same}`)
    if (kind === 2) continue
    const newest = `QUALIFY row_number() OVER (PARTITION BY ${keyColumns.map(quoted).join(', ')} ORDER BY file_row_number DESC) = 1`
    await connection.run(`INSERT INTO ${table} (${list}) SELECT ${list} FROM ${rows} ${newest}`)
  }
}
