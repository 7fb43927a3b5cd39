// What the Parquet sink is compared with: DuckDB alone, which reads the files of a pattern and writes one.
import { DuckDBInstance } from '@duckdb/node-api'

const [input, output] = process.argv.slice(2)
const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
const rows = input.endsWith('.parquet')
  ? `read_parquet('${input}', hive_partitioning = false)`
  : `read_json_auto('${input}', format = 'newline_delimited')`
await connection.run(`COPY (SELECT * FROM ${rows}) TO '${output}' (FORMAT parquet, COMPRESSION zstd)`)
connection.closeSync()
instance.closeSync()
