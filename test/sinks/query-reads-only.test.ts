import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { parquetSink } from '../../sinks/parquet/index.js'
import type { Sink, Value } from '../../src/contract.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { EXIT } from '../../src/errors.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { rowsOf } from '../support/rows.js'

const PATIENT = { waitMs: 30_000, onWait() {} }
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', response_code: 200 }
const SECRET = 'nobody may read this'

/** A folder with a loaded sink, and things beside it that no query may touch. */
interface Place {
  readonly folder: string
  readonly sink: Sink
  /** A file that holds events. */
  readonly data: string
}

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  async 'the DuckDB sink'() {
    const folder = newFolder()
    const data = join(folder, 'audit.duckdb')
    return { folder, data, sink: duckdbSink(data, PATIENT) }
  },
  // Profiles are written to files that are called so.
  async 'a DuckDB sink called audit.json'() {
    const folder = newFolder()
    const data = join(folder, 'audit.json')
    return { folder, data, sink: duckdbSink(data, PATIENT) }
  },
  async 'a lake'() {
    const folder = newFolder()
    const lake = join(folder, `it's [a] lake`)
    const data = join(lake, 'audit_events/event_date=2026-10-01/events-00000001.parquet')
    return { folder, data, sink: await parquetSink(`parquet:${lake}`, never) }
  },
}

/** Every file below a folder and a digest of its bytes, but for what the lake's reader keeps for itself. */
function contentsOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('.unfinished') && statSync(join(folder, name)).isFile())
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}`,
    )
    .sort()
}

const rowsIn = (parquet: string): Promise<unknown> =>
  withConnection(async (connection) =>
    (await connection.runAndReadAll(`FROM read_parquet(${quotedString(parquet)})`)).getRowObjectsJson(),
  )

const QUESTIONS = [
  'SELECT action FROM audit_events',
  'SELECT action FROM audit_events;',
  '  SELECT action FROM audit_events ; ;\n',
  '-- who?\nSELECT action FROM audit_events -- all; of them',
  "SELECT action, ';' FROM audit_events /* ; */",
  '(SELECT action FROM audit_events)',
  '(SELECT action FROM audit_events) UNION ALL (SELECT action FROM audit_events) ORDER BY 1 LIMIT 1',
  'FROM audit_events SELECT action',
  'TABLE audit_events',
  'VALUES (1)',
  'WITH e AS (FROM audit_events) FROM e',
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT max(i) FROM n',
  'DESCRIBE audit_events',
  'DESCRIBE SELECT 1',
  'SUMMARIZE audit_events',
  'SHOW TABLES',
  'PIVOT audit_events ON action USING count(*)',
  'FROM (PIVOT audit_events ON action USING count(*))',
  'PIVOT audit_events ON action IN (user_login) USING count(*)',
  'UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b',
  'EXPLAIN SELECT action FROM audit_events',
  'explain analyze SELECT action FROM audit_events',
  'EXPLAIN (ANALYZE, FORMAT json) SELECT action FROM audit_events',
  'EXPLAIN(ANALYZE) SELECT action FROM audit_events',
  'FROM audit_events USING SAMPLE 100%',
  'SELECT count(*) OVER () FROM audit_events QUALIFY row_number() OVER () = 1',
  "FROM query('FROM audit_events')",
  "FROM query_table('audit_events')",
  'SELECT list(action) FROM audit_events',
]

/** Not one statement that reads: refused before any of it is run. */
const refused = ({ folder, data }: Place): readonly string[] => [
  'SELECT 1; SELECT 2',
  'SELECT 1; DELETE FROM audit_events',
  'SELECT 1) AS a; DELETE FROM audit_events; FROM (SELECT 1',
  'SELECT action FROM audit_events\n); DROP TABLE audit_events; FROM (SELECT 1',
  'DELETE FROM audit_events',
  'DROP TABLE audit_events',
  'DROP VIEW audit_events',
  'TRUNCATE audit_events',
  "UPDATE audit_events SET action = 'x'",
  'INSERT INTO audit_events SELECT * FROM audit_events',
  'INSERT INTO audit_events SELECT * FROM audit_events RETURNING *',
  'WITH e AS (FROM audit_events) INSERT INTO audit_events FROM e',
  'WITH e AS (DELETE FROM audit_events RETURNING *) FROM e',
  'FROM (DELETE FROM audit_events RETURNING *)',
  'MERGE INTO audit_events USING audit_events e ON false WHEN NOT MATCHED THEN INSERT',
  `USE memory; DETACH sink; ATTACH '${data.replaceAll("'", "''")}' AS again; DELETE FROM again.audit_events; SELECT 1`,
  `ATTACH '${join(folder, 'planted.duckdb').replaceAll("'", "''")}' AS planted`,
  'DETACH sink',
  'USE memory',
  `COPY (SELECT 1) TO '${join(folder, 'planted.csv').replaceAll("'", "''")}'`,
  `COPY (SELECT 1) TO '${data.replaceAll("'", "''")}' (FORMAT parquet)`,
  `COPY audit_events FROM '${join(folder, 'secret.csv').replaceAll("'", "''")}'`,
  'COPY FROM DATABASE sink TO memory',
  `EXPORT DATABASE '${join(folder, 'planted').replaceAll("'", "''")}'`,
  `IMPORT DATABASE '${folder.replaceAll("'", "''")}'`,
  `PRAGMA import_database('${folder.replaceAll("'", "''")}')`,
  'PRAGMA memory_limit = 1',
  'PRAGMA enable_profiling',
  'SET threads = 1',
  'SET VARIABLE a = 1',
  'RESET lock_configuration',
  'INSTALL httpfs',
  'LOAD httpfs',
  'UPDATE EXTENSIONS',
  'CALL pragma_version()',
  'CALL force_checkpoint()',
  'CHECKPOINT',
  'VACUUM',
  'ANALYZE',
  'BEGIN TRANSACTION',
  'CREATE TABLE memory.main.planted AS SELECT 1',
  'CREATE TEMP TABLE planted AS SELECT 1',
  'CREATE TEMP MACRO planted() AS 1',
  "CREATE TYPE planted AS ENUM ('a'); SELECT 1",
  "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
  'ALTER TABLE audit_events DROP COLUMN action',
  "COMMENT ON TABLE audit_events IS 'x'",
  'PREPARE p AS DELETE FROM audit_events; EXECUTE p',
  'EXECUTE p',
  'EXPLAIN DELETE FROM audit_events',
  'EXPLAIN ANALYZE DELETE FROM audit_events',
  'EXPLAIN (ANALYZE) DELETE FROM audit_events',
  'EXPLAIN (/*) SELECT 1 --*/ ANALYZE) DELETE FROM audit_events',
  'EXPLAIN ANALYZE CREATE TABLE memory.main.planted AS SELECT 1',
  "EXPLAIN ANALYZE COPY (SELECT 1) TO 'planted.csv'",
  'EXPLAIN PIVOT audit_events ON action USING count(*)',
]

/** Questions by their form, which reach for something that is not there for them. */
function reaching({ folder, data }: Place): readonly string[] {
  const within = (name: string): string => join(folder, name).replaceAll("'", "''")
  const [secret, planted] = [within('secret.csv'), within('planted')]
  const json = data.replaceAll("'", "''")
  const log = `enable_logging(storage = 'file', storage_path = '${planted}', level = 'trace', storage_buffer_size = 1)`
  return [
    `FROM read_text('${secret}')`,
    `FROM read_blob('${secret}')`,
    `FROM read_csv('${secret}')`,
    `FROM read_csv_auto('${secret}')`,
    `FROM read_json('${secret}')`,
    `FROM read_ndjson_objects('${secret}')`,
    `FROM read_parquet('${secret}')`,
    `FROM '${secret}'`,
    `FROM "${join(folder, 'secret.csv')}"`,
    `FROM sniff_csv('${secret}')`,
    `FROM parquet_metadata('${secret}')`,
    `FROM parquet_kv_metadata('${secret}')`,
    `FROM query('FROM read_text(''${secret.replaceAll("'", "''")}'')')`,
    `FROM query_table('${secret}')`,
    `FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''${secret.replaceAll("'", "''")}'')'))`,
    `SELECT (SELECT content FROM read_text('${secret}'))`,
    `FROM audit_events, LATERAL (SELECT content FROM read_text('${secret}'))`,
    `EXPLAIN ANALYZE FROM read_text('${secret}')`,
    `DESCRIBE '${secret}'`,
    `SUMMARIZE FROM '${secret}'`,
    `PIVOT (FROM read_text('${secret}')) ON content USING count(*)`,
    `FROM read_duckdb('${planted}.duckdb')`,
    `FROM glob('${folder.replaceAll("'", "''")}/*')`,
    `FROM glob('${secret}')`,
    "FROM read_text('/etc/hostname')",
    "FROM read_text('/proc/self/environ')",
    "FROM 'http://127.0.0.1:1/secret.csv'",
    "FROM read_parquet('s3://bucket/secret.parquet')",
    'FROM duckdb_secrets()',
    "FROM which_secret('s3://bucket', 's3')",
    'FROM duckdb_extensions()',
    "SELECT getenv('HOME')",
    "SELECT set_config('threads', '1', false)",
    "SELECT nextval('numbers')",
    "FROM query('DELETE FROM audit_events')",
    "FROM query('SELECT 1; SELECT 2')",
    "FROM json_execute_serialized_sql('DELETE FROM audit_events')",
    'FROM checkpoint()',
    'FROM force_checkpoint()',
    `FROM ${log}`,
    `SELECT write_log('x', level := 'error') FROM range(5000) n(i) WHERE i >= (SELECT count(*) FROM ${log})`,
    `FROM enable_profiling(format = 'json', save_location = '${planted}.json')`,
    `SELECT (SELECT count(*) FROM enable_profiling(format = 'json', save_location = '${json}'))`,
    `PIVOT (SELECT 'k' AS k FROM (SELECT count(*) FROM enable_profiling(format = 'json', save_location = '${json}'))) ON k USING count(*)`,
    `PIVOT (SELECT 'k' AS k FROM (SELECT count(*) FROM enable_profiling(format = 'json', save_location = '${planted}.json'))) ON k USING count(*)`,
    'FROM enable_peg_parser()',
    'FROM truncate_duckdb_logs()',
    'FROM duckdb_settings()',
    'FROM duckdb_databases()',
    'FROM duckdb_temporary_files()',
    "FROM sql_auto_complete('FROM ''/etc/')",
  ]
}

describe.each(Object.keys(PLACES))('a query of %s', (name) => {
  let place: Place
  let before: readonly string[]

  beforeAll(async () => {
    const make = PLACES[name]
    if (make === undefined) throw new Error(name)
    place = await make()
    mkdirSync(place.folder, { recursive: true })
    writeFileSync(join(place.folder, 'secret.csv'), `a\n${SECRET}\n`)
    await loadInto(place.sink, { a: ndjson(EVENT) })
    before = contentsOf(place.folder)
  })

  const eventsThere = async (): Promise<void> => {
    expect(contentsOf(place.folder)).toEqual(before)
    expect(await rowsOf(place.sink, 'SELECT action FROM audit_events')).toEqual([{ action: 'user:login' }])
  }

  it.each(QUESTIONS)('answers %s', async (sql) => {
    await expect(rowsOf(place.sink, sql)).resolves.toBeInstanceOf(Array)
  })

  it('runs nothing but one statement that reads', async () => {
    for (const sql of refused(place)) {
      const failure = await place.sink.query(sql).then(
        () => null,
        (error: unknown) => error,
      )
      expect(failure, sql).toMatchObject({ message: expect.stringMatching(/only reads|Error: /) })
      if (!/Parser Error|Permission Error/.test(String(failure)))
        expect(failure, sql).toMatchObject({ exitCode: EXIT.usage })
    }
    await eventsThere()
  })

  it('finds no file, no network, no setting, and writes nothing', async () => {
    for (const sql of reaching(place)) {
      const answer = await rowsOf(place.sink, sql).catch((): Record<string, Value>[] => [])
      expect(
        JSON.stringify(answer, (_key, value) => (typeof value === 'bigint' ? Number(value) : value)),
        sql,
      ).not.toContain(SECRET)
    }
    await eventsThere()
  })

  it('writes its answer to the file it is given, and to no other', async () => {
    const { sink, folder } = place
    const write = async (sql: string): Promise<string> => {
      const file = join(newFolder(), `it's the answer.parquet`)
      await sink.queryTo?.(file, sql, 128 << 20).catch(() => {})
      return existsSync(file) ? JSON.stringify(await rowsIn(file)) : ''
    }
    expect(await write('SELECT action FROM audit_events; -- all')).toBe('[{"action":"user:login"}]')
    expect(await write(`SELECT current_setting('memory_limit') AS may_use`)).toBe('[{"may_use":"128.0 MiB"}]')
    const escaping = `SELECT 1) TO '${join(folder, 'planted').replaceAll("'", "''")}'; COPY (SELECT 1`
    const hostile = reaching(place).filter((sql) => /^FROM read_text.*secret|profiling/.test(sql))
    expect(hostile).toHaveLength(5)
    for (const sql of [escaping, ...hostile]) expect(await write(sql), sql).not.toContain(SECRET)
    await eventsThere()
  })
})
