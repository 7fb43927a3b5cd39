import { readFileSync } from 'node:fs'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { beforeEach, describe, expect, it } from 'vitest'
import { ACTIONS } from '../../schemas/actions.js'
import { createTable, DUCKDB, WAREHOUSE_TYPES } from '../../schemas/ddl.js'
import { AUDIT_EVENTS, TABLES } from '../../schemas/tables.js'
import { DUCKDB_VIEWS } from '../../sinks/shared/duckdb-forms.js'

/** The contract with analysts, written out: a change here breaks their queries. */
const CONTRACT: Readonly<Record<string, string>> = {
  audit_events:
    'timestamp action actor_user_id response_code artifact_asset artifact_sequence_asset entity_asset project_asset ' +
    'report_asset user_asset cli_version actor_ip actor_email user_email entity_name project_name report_name ' +
    'artifact_digest artifact_qualified_name extra content_hash source_document source_line load_id loaded_at ' +
    'names_document',
  audit_rejects: 'reject_id source_document document_version source_line reason message raw load_id loaded_at',
  audit_reject_pieces: 'reject_id piece raw',
  audit_conflicts:
    'conflict_id column_name timestamp content_hash kept other kept_document other_document events load_id loaded_at',
  audit_documents:
    'source document document_version sha256 bytes range_from range_to rows_read rejected load_id loaded_at',
  audit_loads:
    'load_id documents rows_read inserted enriched unchanged rejected started_at finished_at loader_version conflicts',
  audit_actions: 'action object verb category destructive definition',
  audit_privacy: 'privacy_id kind value made_at',
  audit_findings: 'finding_key detection severity started_at reported_at',
}

const viewSql = (name: string): string => DUCKDB_VIEWS.find((view) => view.name === name)?.sql ?? ''

let connection: DuckDBConnection

beforeEach(async () => {
  connection = await (await DuckDBInstance.create()).connect()
  await connection.run(readFileSync(new URL('../../schemas/generated/duckdb.sql', import.meta.url), 'utf8'))
  return () => connection.closeSync()
})

const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson()

describe('the DDL for DuckDB', () => {
  it('makes the tables of the contract, column by column', async () => {
    const made = await rows(`
      SELECT table_name, string_agg(column_name, ' ' ORDER BY column_index) AS columns
      FROM duckdb_columns() WHERE NOT internal GROUP BY table_name, table_oid ORDER BY table_oid`)
    expect(made.map(({ table_name, columns }) => [table_name, columns])).toEqual(Object.entries(CONTRACT))
  })

  it('gives audit_events its types and required columns', async () => {
    const columns = await rows('SELECT name, type, "notnull" FROM pragma_table_info(\'audit_events\')')
    const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]))
    expect(types).toMatchObject({
      timestamp: 'TIMESTAMP WITH TIME ZONE',
      action: 'VARCHAR',
      actor_user_id: 'VARCHAR',
      response_code: 'INTEGER',
      extra: 'JSON',
      source_line: 'BIGINT',
    })
    expect(columns.filter(({ notnull }) => notnull).map(({ name }) => name)).toEqual([
      'timestamp',
      'action',
      'content_hash',
    ])
  })

  it('can run again', async () => {
    for (const table of TABLES) await connection.run(createTable(table, DUCKDB))
    expect(await rows('SELECT count(*)::INTEGER AS n FROM duckdb_tables()')).toEqual([{ n: TABLES.length }])
  })

  it('quotes any identifier', async () => {
    const name = 'a "strange" name; --'
    await connection.run(
      createTable(
        { name, meaning: '', key: [], columns: AUDIT_EVENTS.columns.map((c) => ({ ...c, name: `"${c.name}` })) },
        DUCKDB,
      ),
    )
    expect(await rows("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'a %'")).toEqual([
      { table_name: name },
    ])
  })
})

describe('keys and types', () => {
  it('names required columns only as keys', () => {
    for (const { key, columns } of TABLES)
      expect(
        columns
          .filter(({ name, required }) => required && key.includes(name))
          .map(({ name }) => name)
          .sort(),
      ).toEqual([...key].sort())
  })

  it('has a type for every warehouse', () => {
    expect(Object.keys(WAREHOUSE_TYPES)).toEqual(['DuckDB', 'BigQuery', 'Redshift', 'Fabric', 'Parquet'])
    expect(Object.values(WAREHOUSE_TYPES).map(({ types }) => types.timestamp)).toEqual([
      'TIMESTAMPTZ',
      'TIMESTAMP',
      'TIMESTAMPTZ',
      'datetime2(6)',
      'TIMESTAMP(µs, UTC)',
    ])
  })
})

describe('the views', () => {
  it.each(DUCKDB_VIEWS.map(({ name }) => name))('%s says what it answers and runs on empty tables', async (name) => {
    expect(viewSql(name)).toMatch(/^-- .+\?\n/)
    await connection.run(`CREATE OR REPLACE VIEW ${name} AS ${viewSql(name)}`)
    expect(await rows(`SELECT * FROM ${name}`)).toEqual([])
  })

  it('answer in UTC days, and name an actor by id where the e-mail is unknown', async () => {
    await connection.run("SET TimeZone = 'Pacific/Auckland'")
    for (const { action, object, verb, category, destructive, definition } of ACTIONS)
      await connection.run('INSERT INTO audit_actions VALUES ($1, $2, $3, $4, $5, $6)', [
        action,
        object,
        verb,
        category,
        destructive,
        definition,
      ])
    await connection.run(`
      INSERT INTO audit_events BY NAME
      SELECT * FROM (VALUES
        (TIMESTAMPTZ '2026-10-01 23:59:59Z', 'user:login', '1', 401, NULL, NULL, 'a'),
        (TIMESTAMPTZ '2026-10-01 00:00:00Z', 'user:login', '1', 403, 'ada@example.com', NULL, 'b'),
        (TIMESTAMPTZ '2026-10-02 00:00:00Z', 'user:create_api_key', '2', 200, NULL, '3', 'c'),
        (TIMESTAMPTZ '2026-10-02 00:00:01Z', 'user:create_api_key', '2', 500, NULL, '3', 'd'),
        (TIMESTAMPTZ '2026-10-02 00:00:02Z', 'run:teleport', NULL, NULL, NULL, NULL, 'e')
      ) AS t ("timestamp", action, actor_user_id, response_code, actor_email, user_asset, content_hash)`)
    const days = await rows(viewSql('audit_activity_per_day'))
    expect(days.map((row) => Object.values(row).join(' '))).toEqual([
      '2026-10-01 auth 2 1',
      '2026-10-02 auth 2 1',
      '2026-10-02 unknown 1 0',
    ])
    const refused = await rows(viewSql('audit_refused_requests'))
    expect(refused.map(({ actor, refused }) => `${actor} ${refused}`)).toEqual(['ada@example.com 2', '2 1'])
    const keys = await rows(viewSql('audit_api_keys_created'))
    expect(keys.map(({ created_by, created_for }) => `${created_by} ${created_for}`)).toEqual(['2 3'])
  })
})
