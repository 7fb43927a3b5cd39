/** The stand-in of Redshift, held to what Redshift documents; by requests made here, not by the sink. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  BatchExecuteStatementCommand,
  CancelStatementCommand,
  DescribeStatementCommand,
  ExecuteStatementCommand,
  GetStatementResultCommand,
  ListStatementsCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data'
import { beforeAll, describe, expect, it } from 'vitest'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { BUCKET, ROLE, standIns } from '../sinks/redshift/support.js'
import { newEngine, newFolder } from '../support/load.js'

const on = standIns()
const MAIN = { WorkgroupName: 'main', Database: 'audit' }
let client: RedshiftDataClient

beforeAll(() => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  client = new RedshiftDataClient({ endpoint: on.redshift.url, region: 'us-east-1', credentials })
})

/** Runs a batch and gives what Describe says at its end. */
async function run(...Sqls: string[]) {
  const { Id } = await client.send(new BatchExecuteStatementCommand({ ...MAIN, Sqls }))
  return client.send(new DescribeStatementCommand({ Id, WaitTimeSeconds: 20 }))
}

/** The error of a statement that Redshift refuses, after others it takes. */
async function refusal(...sqls: string[]): Promise<string> {
  const { Status, Error: error = '' } = await run(...sqls)
  expect(Status).toBe('FAILED')
  return error
}

describe('statements', () => {
  it('of a batch are one transaction', async () => {
    await run('CREATE TABLE kept (a INTEGER)', 'INSERT INTO kept VALUES (1)')
    const failed = await run('INSERT INTO kept VALUES (2)', 'SELECT 1 / 0', 'INSERT INTO kept VALUES (3)')
    expect(failed.Status).toBe('FAILED')
    expect(failed.SubStatements?.map(({ Status }) => Status)).toEqual(['FINISHED', 'FAILED', 'ABORTED'])
    expect(await on.redshift.execute('SELECT a FROM kept')).toEqual([['1']])
  })

  it('give back typed fields, page by page', async () => {
    const select = `SELECT a AS n, CAST(a AS VARCHAR) AS text, a > 1 AS more, NULL AS nothing, JSON_PARSE('{"a": [1, 2]}') AS whole
      FROM (SELECT 1 AS a UNION ALL SELECT 2) AS x ORDER BY a`
    const { Id } = await client.send(new ExecuteStatementCommand({ ...MAIN, Sql: select }))
    await client.send(new DescribeStatementCommand({ Id, WaitTimeSeconds: 20 }))
    const { ColumnMetadata, Records } = await client.send(new GetStatementResultCommand({ Id }))
    expect(ColumnMetadata?.map(({ typeName }) => typeName)).toEqual(['int4', 'varchar', 'bool', 'varchar', 'super'])
    expect(Records?.[0]).toEqual([
      { longValue: 1 },
      { stringValue: '1' },
      { booleanValue: false },
      { isNull: true },
      { stringValue: '{"a":[1,2]}' },
    ])
    const values = Array.from({ length: 90 }, (_, i) => `SELECT ${i} AS a`).join(' UNION ALL ')
    const many = await run(`SELECT a FROM (${values}) AS x ORDER BY a`)
    const seen: (number | undefined)[] = []
    for (let token: string | undefined, page = 1; ; page++) {
      const result = await client.send(new GetStatementResultCommand({ Id: `${many.Id}:1`, NextToken: token }))
      seen.push(...(result.Records ?? []).map(([field]) => field?.longValue))
      token = result.NextToken
      if (token === undefined) {
        expect(page).toBe(3)
        break
      }
    }
    expect(seen).toEqual(Array.from({ length: 90 }, (_, i) => i))
  })

  it('take parameters as values, never as SQL', async () => {
    const Parameters = [{ name: 'x', value: "it's; DROP TABLE kept" }]
    const Sql = "SELECT :x AS x, ':x' AS quoted, CAST(1 AS VARCHAR)::VARCHAR AS cast"
    const { Id } = await client.send(new ExecuteStatementCommand({ ...MAIN, Sql, Parameters }))
    await client.send(new DescribeStatementCommand({ Id, WaitTimeSeconds: 20 }))
    const { Records } = await client.send(new GetStatementResultCommand({ Id }))
    expect(Records).toEqual([[{ stringValue: "it's; DROP TABLE kept" }, { stringValue: ':x' }, { stringValue: '1' }]])
  })

  it('navigate, take apart and write SUPER', async () => {
    const value = '{"b": {"c": "d e"}, "ü \\"": [1, 2]}'
    const { Id } = await run(
      `CREATE TEMP TABLE values_of AS SELECT JSON_PARSE('${value.replaceAll('\\', '\\\\')}') AS "v", 1 AS a`,
      `SELECT JSON_SERIALIZE(t."v") AS whole, JSON_SERIALIZE(t."v".b) AS b, t."v".x IS NULL AS x, IS_OBJECT(t."v") AS object FROM values_of AS t`,
      `SELECT LISTAGG(JSON_SERIALIZE(CAST(CAST(k AS VARCHAR) AS SUPER)) || CASE WHEN (a > 0) THEN '' END, ',') WITHIN GROUP (ORDER BY a) AS keys
       FROM values_of AS t, UNPIVOT t."v" AS v AT k`,
    )
    const rowOf = async (n: number) => (await client.send(new GetStatementResultCommand({ Id: `${Id}:${n}` }))).Records
    expect(await rowOf(2)).toEqual([
      [
        { stringValue: '{"b":{"c":"d e"},"ü \\"":[1,2]}' },
        { stringValue: '{"c":"d e"}' },
        { booleanValue: true },
        { booleanValue: true },
      ],
    ])
    expect(await rowOf(3)).toEqual([[{ stringValue: '"b","ü \\""' }]])
  })

  it('are listed, and cannot be cancelled when they have ended', async () => {
    const { Id } = await run('SELECT 1')
    const { Statements } = await client.send(new ListStatementsCommand({}))
    expect(Statements?.at(-1)).toMatchObject({ Id, Status: 'FINISHED', IsBatchStatement: true })
    await expect(client.send(new CancelStatementCommand({ Id }))).rejects.toThrow(/already in FINISHED/)
  })
})

describe('the Data API refuses', () => {
  const batch = (input: object) =>
    client.send(new BatchExecuteStatementCommand({ ...MAIN, Sqls: ['SELECT 1'], ...input }))

  it.each([
    ['more than 40 statements', { Sqls: Array(41).fill('SELECT 1') }],
    ['a statement over 100 KB', { Sqls: [`SELECT '${'x'.repeat(103_000)}'`] }],
    ['a workgroup it does not know', { WorkgroupName: 'other' }],
    ['both kinds of places', { ClusterIdentifier: 'old' }],
  ])('%s', async (_what, input) => {
    await expect(batch(input)).rejects.toMatchObject({ name: 'ValidationException' })
  })

  it.each([
    ['an empty parameter', { Sql: 'SELECT :a', Parameters: [{ name: 'a', value: '' }] }],
    ['a parameter nobody uses', { Sql: 'SELECT 1', Parameters: [{ name: 'a', value: 'x' }] }],
  ])('%s', async (_what, input) => {
    await expect(client.send(new ExecuteStatementCommand({ ...MAIN, ...input }))).rejects.toMatchObject({
      name: 'ValidationException',
    })
  })

  it('a token that was used for something else, and finds the statement of the same again', async () => {
    const first = await batch({ ClientToken: 'a token' })
    expect((await batch({ ClientToken: 'a token' })).Id).toBe(first.Id)
    await expect(batch({ ClientToken: 'a token', Sqls: ['SELECT 2'] })).rejects.toThrow(/another request/)
  })

  it('a statement that was never there', async () => {
    await expect(client.send(new DescribeStatementCommand({ Id: 'nothing' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    })
  })
})

describe('Redshift refuses', () => {
  it.each([
    ['MERGE with a condition', 'MERGE INTO a USING b ON a.x = b.x WHEN MATCHED AND a.y = 1 THEN UPDATE SET y = 2'],
    ['MERGE with one branch', 'MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN UPDATE SET y = 2'],
    ['ON CONFLICT', 'INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING'],
    ['ADD COLUMN IF NOT EXISTS', 'ALTER TABLE a ADD COLUMN IF NOT EXISTS b INTEGER'],
    ['RETURNING', 'DELETE FROM a RETURNING *'],
    ['a reserved name that is not quoted', 'SELECT timestamp FROM a'],
    ["PostgreSQL's JSON", "SELECT '{}'::jsonb"],
    ["PostgreSQL's list of texts", "SELECT STRING_AGG(a, ',') FROM b"],
    ['IS DISTINCT FROM', 'SELECT a IS DISTINCT FROM 1 FROM b'],
    ['LISTAGG without an order', "SELECT LISTAGG(a, ',') FROM b"],
    ['an alias in DELETE', 'DELETE FROM "a" USING b AS c WHERE "a".x = c.x'],
  ])('%s', async (_what, sql) => {
    expect(await refusal(sql)).toMatch(/syntax error/)
  })

  it('two statements in one', async () => {
    expect(await refusal('SELECT 1; SELECT 2')).toMatch(/multiple commands/)
  })

  it('a VARCHAR that is longer in bytes, though not in characters', async () => {
    expect(await refusal('CREATE TEMP TABLE short (a VARCHAR(3))', "INSERT INTO short VALUES ('üü')")).toMatch(
      /check constraint/,
    )
    expect(await refusal('CREATE TEMP TABLE wide (a VARCHAR(65536))')).toMatch(/65535/)
  })

  it('an UPDATE from an outer join', async () => {
    expect(await refusal('UPDATE a SET x = 1 FROM b LEFT JOIN c ON b.x = c.x WHERE a.x = b.x')).toMatch(/equijoin/)
  })

  it('what is not documented of SUPER: outer joins in what writes, and UNPIVOT of a null or a scalar', async () => {
    const joined = 'CREATE TEMP TABLE c AS SELECT JSON_SERIALIZE(a."extra") AS x FROM a LEFT JOIN b ON a.x = b.x'
    expect(await refusal(joined)).toMatch(/outer joins/)
    for (const value of ["JSON_PARSE('7')", 'JSON_PARSE(CAST(NULL AS VARCHAR))']) {
      const unpivot = 'SELECT COUNT(*) AS n FROM values_of AS t, UNPIVOT t."v" AS v AT k'
      expect(await refusal(`CREATE TEMP TABLE values_of AS SELECT ${value} AS "v"`, unpivot)).toMatch(/no object/)
    }
  })

  it('to tell VARCHARs apart by trailing blanks, and reads a backslash as an escape', async () => {
    const { Id } = await run(
      "CREATE TEMP TABLE blanks AS SELECT CAST('a' AS VARCHAR) AS a UNION ALL SELECT 'a  '",
      String.raw`SELECT COUNT(DISTINCT a) AS texts, COUNT(DISTINCT SHA2(a, 256)) AS digests, MAX('\\''') AS slash FROM blanks`,
    )
    const { Records } = await client.send(new GetStatementResultCommand({ Id: `${Id}:2` }))
    expect(Records).toEqual([[{ longValue: 1 }, { longValue: 2 }, { stringValue: "\\'" }]])
  })

  it('texts over 65,535 bytes, wherever they are made', async () => {
    const long = "CREATE TEMP TABLE long AS SELECT REPEAT('ü', 32000) AS a UNION ALL SELECT 'b' UNION ALL SELECT 'c'"
    const made = [
      'CREATE TEMP TABLE longer AS SELECT a || a AS a FROM long',
      'CREATE TEMP TABLE hashed AS SELECT SHA2(a || a, 256) AS a FROM long',
      "CREATE TEMP TABLE listed AS SELECT LISTAGG(a || 'xxx', ',') WITHIN GROUP (ORDER BY a) AS a FROM (SELECT * FROM long UNION ALL SELECT * FROM long) AS x",
      "CREATE TEMP TABLE written AS SELECT JSON_SERIALIZE(JSON_PARSE('[\"' || a || '\",\"' || a || '\"]')) AS a FROM long",
    ]
    for (const sql of made) expect(await refusal(long, sql), sql).toMatch(/too long|exceeds/)
  })

  it('a row of a result over 64 KB', async () => {
    expect(await refusal("SELECT REPEAT('x', 65537) AS x")).toMatch(/too large/)
  })

  it('equal keys, unless it is told to take the last', async () => {
    expect(await refusal(`SELECT JSON_PARSE('{"a":1,"a":2}')`)).toMatch(/Duplicate/)
    expect(await run('SET json_parse_dedup_attributes TO on', `SELECT JSON_PARSE('{"a":1,"a":2}') AS x`)).toMatchObject(
      {
        Status: 'FINISHED',
      },
    )
  })

  it('what was written without a lock while another wrote', async () => {
    await run('CREATE TABLE contended (a INTEGER)')
    const insert = 'INSERT INTO contended VALUES (1)'
    // The first one does not begin before the second one is there.
    const there = on.redshift.statements.length + 2
    on.redshift.onStatement = async () => {
      while (on.redshift.statements.length < there) await new Promise((resolve) => setImmediate(resolve))
    }
    const both = await Promise.all([run(insert), run(insert)])
    on.redshift.onStatement = () => {}
    expect(both.map(({ Status }) => Status).sort()).toEqual(['FAILED', 'FINISHED'])
    expect(both.find(({ Status }) => Status === 'FAILED')?.Error).toMatch(/1023/)
  })
})

describe('COPY', () => {
  const CREATE = 'CREATE TEMP TABLE staged (a VARCHAR(10), b INTEGER)'
  const copy = (key: string, role = ROLE) =>
    `COPY staged FROM 's3://${BUCKET}/${key}' IAM_ROLE '${role}' FORMAT AS PARQUET`

  async function put(key: string, select: string, codec: 'zstd' | 'snappy' = 'snappy'): Promise<void> {
    const path = join(newFolder(), 'a.parquet')
    await writeParquet('the test', (await newEngine()).connection, select, path, codec)
    on.s3.put(BUCKET, key, readFileSync(path))
  }

  it('takes columns by their place, not by their names', async () => {
    await put('by-place', "SELECT 'x' AS b, CAST(1 AS INTEGER) AS a UNION ALL SELECT NULL, NULL")
    const { Id, SubStatements } = await run(CREATE, copy('by-place'), 'SELECT a, b FROM staged ORDER BY a')
    expect(SubStatements?.[1]?.ResultRows).toBe(2)
    const { Records } = await client.send(new GetStatementResultCommand({ Id: `${Id}:3` }))
    expect(Records).toEqual([
      [{ stringValue: 'x' }, { longValue: 1 }],
      [{ isNull: true }, { isNull: true }],
    ])
  })

  it('takes all files below a prefix', async () => {
    for (const n of [0, 1]) await put(`several/${n}.parquet`, `SELECT 'x' AS a, CAST(${n} AS INTEGER) AS b`)
    expect((await run(CREATE, copy('several/'))).SubStatements?.[1]?.ResultRows).toBe(2)
  })

  it.each([
    ['one column', "SELECT 'x' AS a", /number of columns/],
    ['another type', "SELECT 'x' AS a, 'y' AS b", /incompatible Parquet schema/],
    [
      'an instant with its zone',
      "SELECT 'x' AS a, TIMESTAMPTZ '2026-10-01 00:00:00Z' AS b",
      /incompatible Parquet schema/,
    ],
    [
      'a text that is too long in bytes',
      "SELECT repeat('ü', 6) AS a, CAST(1 AS INTEGER) AS b",
      /longer than the length/,
    ],
    ['a NUL', 'SELECT chr(0) AS a, CAST(1 AS INTEGER) AS b', /0x00/],
  ])('refuses %s', async (what, select, error) => {
    await put(what, select)
    expect(await refusal(CREATE, copy(what))).toMatch(error)
  })

  it('refuses a compression that Redshift does not document', async () => {
    await put('zstd', "SELECT 'x' AS a, CAST(1 AS INTEGER) AS b", 'zstd')
    expect(await refusal(CREATE, copy('zstd'))).toMatch(/compression/)
  })

  it('refuses a role it may not take, and a key that is not there', async () => {
    expect(await refusal(CREATE, copy('by-place', 'arn:aws:iam::123456789012:role/other'))).toMatch(
      /not authorized to assume/,
    )
    expect(await refusal(CREATE, copy('nothing-there'))).toMatch(/does not exist/)
  })
})
