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

/** Of each table: the row versions that are no more, and the rows that came, as JSON. */
export type RowChanges = ReadonlyMap<string, { readonly gone: readonly string[]; readonly come: string }>

export interface OpenTransaction {
  commit(): Promise<void>
  rollback(): Promise<void>
}

export interface Engine {
  /** The database user of whoever asks; null: a superuser. */
  user: string | null
  begin(): Promise<OpenTransaction>
  /** The same on tables whose changes are taken down before they are undone. */
  watch(tables: Iterable<string>): Promise<() => Promise<RowChanges>>
  /** In a transaction of its own; false, and nothing is changed, where a row that should go has gone before. */
  apply(changes: RowChanges): Promise<boolean>
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
    IF json_text ~ E'[{,]\\\\s*"":' THEN
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
    RETURN redshift_varchar(coalesce(regexp_replace(value::text, E'("(?:[^"\\\\\\\\]|\\\\\\\\.)*")|\\\\s+', E'\\\\1', 'g'), 'null'), 'JSON_SERIALIZE');
  END $$;
  CREATE FUNCTION pg_catalog.sha2(text varchar, bits integer) RETURNS varchar LANGUAGE sql AS $$
    SELECT encode(sha256(convert_to(redshift_varchar(text, 'VARCHAR'), 'UTF8')), 'hex')
  $$;
  CREATE FUNCTION pg_catalog.strtol(digits varchar, base integer) RETURNS bigint LANGUAGE plpgsql AS $$
  BEGIN
    -- With 16 digits the sign would be at stake.
    IF base <> 16 OR digits !~ '^[0-9a-fA-F]{1,15}$' THEN RAISE 'The input % is not valid to be converted to base %', digits, base; END IF;
    RETURN CAST(CAST('x' || lpad(digits, 16, '0') AS bit(64)) AS bigint);
  END $$;
  CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp STABLE LANGUAGE sql AS $$ SELECT now() AT TIME ZONE 'UTC' $$;
  CREATE FUNCTION pg_catalog.dateadd(part text, n integer, instant timestamp) RETURNS timestamp LANGUAGE sql AS $$
    SELECT instant + n * CAST('1 ' || part AS interval)
  $$;
  CREATE FUNCTION pg_catalog.datediff(part text, first timestamptz, second timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
  BEGIN
    IF part <> 'microsecond' THEN RAISE 'DATEDIFF of % is not known here', part; END IF;
    RETURN CAST(extract(epoch FROM second) * 1000000 - extract(epoch FROM first) * 1000000 AS bigint);
  END $$;
  CREATE FUNCTION pg_catalog.len(text varchar) RETURNS integer LANGUAGE sql AS $$ SELECT length(text) $$;
  CREATE FUNCTION pg_catalog.redshift_list(list text, member text, separator text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN coalesce(member, '') = '' THEN list ELSE redshift_varchar(coalesce(list || separator, '') || member, 'LISTAGG') END
  $$;
  CREATE AGGREGATE pg_catalog.redshift_listagg(text, text) (SFUNC = redshift_list, STYPE = text);
  CREATE FUNCTION pg_catalog.redshift_members(value super, OUT key text, OUT member jsonb) RETURNS SETOF record LANGUAGE plpgsql AS $$
  BEGIN
    -- Not documented, so refused.
    IF coalesce(jsonb_typeof(value), 'null') <> 'object' THEN RAISE 'UNPIVOT of what is no object'; END IF;
    RETURN QUERY SELECT * FROM jsonb_each(value);
  END $$;
  CREATE TABLE pg_catalog.sys_load_error_detail (
    start_time timestamp, file_name char(256), column_name char(127), error_code integer, error_message char(512)
  );
`

/** Trailing blanks do not matter to VARCHARs, nor does case in a database with COLLATE CASE_INSENSITIVE. */
function comparisons(caseInsensitive: boolean): string {
  const operators: readonly (readonly [string, string])[] = [
    ['=', 'eq'],
    ['<>', 'ne'],
    ['<', 'lt'],
    ['<=', 'le'],
    ['>', 'gt'],
    ['>=', 'ge'],
  ]
  const padded = (text: string): string => `CAST(${caseInsensitive ? `lower(${text})` : text} AS bpchar)`
  const made = (name: string, returns: string, parameters = 2): string => {
    const types = Array(parameters).fill('varchar').join(', ')
    const values = Array.from({ length: parameters }, (_, i) => padded(`$${i + 1}`)).join(', ')
    const body = caseInsensitive ? `LANGUAGE sql AS 'SELECT ${name}(${values})'` : `LANGUAGE internal AS '${name}'`
    return `CREATE FUNCTION pg_catalog.varchar_${name}(${types}) RETURNS ${returns} STRICT IMMUTABLE ${body};`
  }
  return `
    ${operators.map(([, name]) => made(`bpchar${name}`, 'boolean')).join('\n')}
    ${made('bpcharcmp', 'integer')}
    ${made('hashbpchar', 'integer', 1)}
    ${operators
      .map(
        ([sign, name]) =>
          `CREATE OPERATOR pg_catalog.${sign} (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = varchar_bpchar${name}${sign === '=' ? ', HASHES, MERGES, COMMUTATOR = OPERATOR(pg_catalog.=)' : ''});`,
      )
      .join('\n')}
    CREATE OPERATOR CLASS pg_catalog.redshift_order DEFAULT FOR TYPE varchar USING btree AS
      OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 varchar_bpcharcmp(varchar, varchar);
    CREATE OPERATOR CLASS pg_catalog.redshift_hash DEFAULT FOR TYPE varchar USING hash AS
      OPERATOR 1 =, FUNCTION 1 varchar_hashbpchar(varchar);
  `
}

export interface EngineOptions extends CopyOptions {
  /** The database's texts are COLLATE CASE_INSENSITIVE. */
  readonly caseInsensitive?: boolean
}

/** In texts of Redshift's SQL a backslash escapes. */
const BEGIN = 'BEGIN; SET LOCAL standard_conforming_strings = off; SET LOCAL escape_string_warning = off'

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

export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { caseInsensitive = false } = options
  const pg = await newDatabase()
  await pg.exec(`SET allow_system_table_mods = on; ${comparisons(caseInsensitive)} SET allow_system_table_mods = off`)

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
      // Of a statement that was translated, the place is not known.
      const isOriginal = statement.sql === sql && 'position' in error && error.position !== undefined
      throw new RedshiftError(`${error.message}${isOriginal ? `\n  Position: ${error.position}` : ''}`)
    })
    if (statement.created !== undefined) await checkTexts(statement.created)
    const columns = fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }))
    const result = { columns, rows, count: columns.length > 0 ? rows.length : (affectedRows ?? 0) }
    checkRows(result)
    return result
  }

  /** A place may be used again, so a version is its place and who made it. */
  const VERSION = "ctid::text || '/' || xmin::text"
  const versionsOf = async (table: string): Promise<string[]> =>
    (await query(`SELECT ${VERSION} FROM ${table}`)).rows.map(([version]) => String(version))

  const engine: Engine = {
    user: null,
    async watch(tables) {
      const before = new Map<string, string[]>()
      for (const table of tables) before.set(table, await versionsOf(table))
      return async () => {
        const changes = new Map<string, { gone: string[]; come: string }>()
        for (const [table, versions] of before) {
          const now = new Set(await versionsOf(table))
          const { rows } = await query(
            `SELECT coalesce(json_agg(t), '[]')::text FROM ${table} AS t WHERE xmin = pg_current_xact_id()::xid`,
          )
          changes.set(table, { gone: versions.filter((each) => !now.has(each)), come: String(rows[0]?.[0]) })
        }
        return changes
      }
    },
    async apply(changes) {
      await pg.exec('BEGIN')
      for (const [table, { gone, come }] of changes) {
        const deleted = await pg.query(`DELETE FROM ${table} WHERE ${VERSION} = ANY($1)`, [gone])
        if (deleted.affectedRows !== gone.length) {
          await pg.exec('ROLLBACK')
          return false
        }
        await pg.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1::text::json)`, [
          come,
        ])
      }
      await pg.exec('COMMIT')
      return true
    },
    async begin() {
      await pg.exec(BEGIN)
      if (engine.user !== null) await pg.exec(`SET LOCAL ROLE "${engine.user}"`)
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
  return engine
}
