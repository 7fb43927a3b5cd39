// What the loader is compared with: DuckDB alone, typing by its own guess, without hash, repeats, rejects or receipts.
// JavaScript, so that no compiler's start counts as DuckDB's time.
import { DuckDBInstance } from '@duckdb/node-api'

const [input, output] = process.argv.slice(2)
const instance = await DuckDBInstance.create(output)
const connection = await instance.connect()
await connection.run(`CREATE TABLE events AS SELECT * FROM read_json_auto('${input}', format = 'newline_delimited')`)
connection.closeSync()
instance.closeSync()
