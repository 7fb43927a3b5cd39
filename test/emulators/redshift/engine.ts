/** PostgreSQL, in this process, with what Redshift has beside it. */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite, type Results } from '@electric-sql/pglite'
import { type CopyOptions, copyFrom } from './copy.js'
import { translated } from './edge.js'
import { withoutMark } from './marks.js'
import { RedshiftError } from './refusals.js'
import { checkRows, TYPE_NAMES } from './results.js'

export interface PartResult {
  readonly columns: readonly { readonly name: string; readonly type: number }[]
  /** Values as PostgreSQL writes them. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** Rows given back or changed. */
  readonly count: number
}

export interface Engine {
  begin(): Promise<{ commit(): Promise<void>; rollback(): Promise<void> }>
  run(sql: string, parameters: ReadonlyMap<string, string>): Promise<PartResult>
  execute(sql: string): Promise<readonly (readonly (string | null)[])[]>
  close(): Promise<void>
}

/**
 * SUPER is a domain over jsonb, which like SUPER makes numbers of its own of JSON's and takes no NUL. JSON_PARSE refuses equal
 * keys unless it is told not to.
 */
const SETUP = `
  SET allow_system_table_mods = on;
  CREATE DOMAIN pg_catalog.super AS jsonb;
  CREATE FUNCTION pg_catalog.json_parse(json_text varchar) RETURNS super LANGUAGE plpgsql AS $$
  BEGIN
    IF coalesce(current_setting('redshift.json_parse_dedup_attributes', true), '') <> 'on' AND NOT json_text IS JSON WITH UNIQUE KEYS THEN
      RAISE 'Duplicate keys in JSON object';
    END IF;
    -- Not documented, so refused.
    IF json_text ~ '[{,]\\s*"":' THEN
      RAISE 'Empty key in JSON object';
    END IF;
    RETURN CAST(json_text AS jsonb);
  END $$;
  CREATE FUNCTION pg_catalog.can_json_parse(json_text varchar) RETURNS boolean LANGUAGE plpgsql STRICT AS $$
  BEGIN
    PERFORM json_parse(json_text);
    RETURN true;
  EXCEPTION WHEN OTHERS THEN
    RETURN false;
  END $$;
  CREATE FUNCTION pg_catalog.is_object(value super) RETURNS boolean LANGUAGE sql AS $$
    SELECT coalesce(jsonb_typeof(value) = 'object', false)
  $$;
  CREATE FUNCTION pg_catalog.redshift_varchar(text text, what text) RETURNS text LANGUAGE plpgsql AS $$
  BEGIN
    IF octet_length(text) > 65535 THEN RAISE 'Result size exceeds % limit', what; END IF;
    RETURN text;
  END $$;
  CREATE FUNCTION pg_catalog.super_text(value super) RETURNS varchar LANGUAGE plpgsql AS $$
  BEGIN
    -- White space that stands outside of strings.
    RETURN redshift_varchar(coalesce(regexp_replace(value::text, '("(?:[^"\\\\]|\\\\.)*")|\\s+', '\\1', 'g'), 'null'), 'JSON_SERIALIZE');
  END $$;
  CREATE FUNCTION pg_catalog.sha2(text varchar, bits integer) RETURNS varchar LANGUAGE sql AS $$
    SELECT encode(sha256(convert_to(redshift_varchar(text, 'VARCHAR'), 'UTF8')), 'hex')
  $$;
  CREATE FUNCTION pg_catalog.len(text varchar) RETURNS integer LANGUAGE sql AS $$ SELECT length(text) $$;
  CREATE FUNCTION pg_catalog.redshift_list(list text, member text, separator text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN coalesce(member, '') = '' THEN list ELSE redshift_varchar(coalesce(list || separator, '') || member, 'LISTAGG') END
  $$;
  CREATE AGGREGATE pg_catalog.redshift_listagg(text, text) (SFUNC = redshift_list, STYPE = text);
  CREATE VIEW pg_catalog.svv_columns AS SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns;
  CREATE TABLE pg_catalog.sys_load_error_detail (
    start_time timestamp, file_name char(256), column_name char(127), error_code integer, error_message char(512)
  );
  SET allow_system_table_mods = off;
`

/** Values are left as PostgreSQL writes them, but for the stand-in's mark. */
const asText = Object.fromEntries(Object.keys(TYPE_NAMES).map((type) => [type, withoutMark]))

const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url))
const cacheKey = createHash('sha256')
  .update(readFileSync(join(modules, '@electric-sql/pglite/package.json')))
  .update(SETUP)
const KEPT = join(modules, `.cache/wandb-audit/redshift-${cacheKey.digest('hex')}.tar`)

/** Empty, but for what is set up: that takes seconds of CPU the first time, and is kept for the next file of tests. */
async function newDatabase(): Promise<PGlite> {
  if (existsSync(KEPT)) return PGlite.create({ loadDataDir: new Blob([readFileSync(KEPT)]) })
  const pg = await PGlite.create()
  await pg.exec(SETUP)
  const unfinished = `${KEPT}.${process.pid}`
  mkdirSync(dirname(KEPT), { recursive: true })
  writeFileSync(unfinished, Buffer.from(await (await pg.dumpDataDir('none')).arrayBuffer()))
  renameSync(unfinished, KEPT)
  return pg
}

export async function startEngine(options: CopyOptions): Promise<Engine> {
  const pg = await newDatabase()

  const query = (sql: string, values: readonly string[] = []): Promise<Results<(string | null)[]>> =>
    pg.query<(string | null)[]>(sql, [...values], { rowMode: 'array', parsers: asText })

  /** PostgreSQL's texts have no end; those of Redshift, within a statement too, are VARCHARs. */
  async function checkTexts(table: string): Promise<void> {
    const { rows } = await query(
      `SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND table_schema LIKE 'pg_temp%'
       AND data_type IN ('text', 'character varying')`,
      [table],
    )
    const sizes = rows.map(([column]) => `octet_length("${column}")`)
    if (sizes.length === 0) return
    const { rows: sized } = await query(`SELECT max(greatest(${sizes.join(', ')})) FROM ${table}`)
    if (Number(sized[0]?.[0] ?? 0) > 65_535) throw new RedshiftError('Value too long for character type')
  }

  async function run(sql: string, parameters: ReadonlyMap<string, string>): Promise<PartResult> {
    const statement = translated(sql, parameters)
    if (statement.kind === 'copy') return { columns: [], rows: [], count: await copyFrom(pg, statement, options) }
    const { fields, rows, affectedRows } = await query(statement.sql, statement.values).catch((error: Error) => {
      throw new RedshiftError(error.message)
    })
    if (statement.created !== undefined) await checkTexts(statement.created)
    const columns = fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }))
    const result = { columns, rows, count: columns.length > 0 ? rows.length : (affectedRows ?? 0) }
    checkRows(result)
    return result
  }

  return {
    async begin() {
      await pg.exec('BEGIN')
      let open = true
      const end = async (how: string): Promise<void> => {
        if (!open) return
        open = false
        await pg.exec(how)
        // Each batch has a session of its own.
        await pg.exec('DISCARD ALL')
      }
      return { commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
    },
    run,
    execute: async (sql) => (await query(sql)).rows,
    close: () => pg.close(),
  }
}
