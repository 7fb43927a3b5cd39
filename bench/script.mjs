// What the loader is compared with: a DuckDB script that someone might write instead. It types and hashes the lines, and adds those that
// its table does not hold. It knows no rejects, no honest repeats, no unknown keys, no exact numbers and no receipts.
import { DuckDBInstance } from '@duckdb/node-api'

const [input, output] = process.argv.slice(2)
const IDENTITY = [
  ...['timestamp', 'action', 'actor_user_id', 'response_code', 'artifact_asset', 'artifact_sequence_asset'],
  ...['entity_asset', 'project_asset', 'report_asset', 'user_asset', 'cli_version', 'actor_ip'],
]
const NAMES = [
  ...['actor_email', 'user_email', 'entity_name', 'project_name', 'report_name'],
  ...['artifact_digest', 'artifact_qualified_name'],
]
const typed = { timestamp: 'TIMESTAMPTZ', response_code: 'INTEGER' }
const all = [...IDENTITY, ...NAMES]
const instance = await DuckDBInstance.create(output)
const connection = await instance.connect()
await connection.run("SET TimeZone = 'UTC'")
await connection.run(
  `CREATE TABLE IF NOT EXISTS events (${all.map((name) => `"${name}" ${typed[name] ?? 'VARCHAR'}`).join(', ')}, hash VARCHAR)`,
)
await connection.run(`
  CREATE TEMP TABLE staged AS
  SELECT ${all.map((name) => `CAST("${name}" AS ${typed[name] ?? 'VARCHAR'}) AS "${name}"`).join(', ')},
    sha256(concat_ws(',', ${IDENTITY.map((name) => `coalesce("${name}", '-')`).join(', ')})) AS hash
  FROM read_json('${input}', format = 'newline_delimited', columns = {${all.map((name) => `"${name}": 'VARCHAR'`).join(', ')}})`)
await connection.run(`
  INSERT INTO events FROM (SELECT * FROM staged QUALIFY row_number() OVER (PARTITION BY hash) = 1) ANTI JOIN events USING (hash)`)
connection.closeSync()
instance.closeSync()
