/** The stand-in as the vendor's own client meets it, by calls that the sink does not make. */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BigQuery } from '@google-cloud/bigquery'
import { PassThroughClient } from 'google-auth-library'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEngine, newFolder } from '../../support/load.js'
import { type StandIn, startBigQuery } from './server.js'

let standIn: StandIn
let client: BigQuery

beforeAll(async () => {
  standIn = await startBigQuery({ pageRows: 100 })
  client = new BigQuery({ projectId: standIn.project, apiEndpoint: standIn.url, authClient: new PassThroughClient() })
  await client.createDataset('d')
})
afterAll(() => standIn.close())

async function parquet(select: string): Promise<string> {
  const path = join(newFolder(), 'rows.parquet')
  const { connection } = await newEngine()
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`)
  return path
}

const SCHEMA = [
  { name: 'word', type: 'STRING', mode: 'REQUIRED' },
  { name: 'n', type: 'INTEGER' },
  { name: 'json', type: 'JSON' },
]

describe('the official client', () => {
  it('makes, lists and finds datasets and tables', async () => {
    await client.dataset('d').createTable('listed', { schema: { fields: SCHEMA } })
    const [datasets] = await client.getDatasets()
    expect(datasets.map(({ id }) => id)).toEqual(['d'])
    const [tables] = await client.dataset('d').getTables()
    expect(tables.map(({ id }) => id)).toContain('listed')
    expect(await client.dataset('d').table('listed').exists()).toEqual([true])
    expect(await client.dataset('d').table('none').exists()).toEqual([false])
  })

  it('loads a file with table.load, reads rows, and asks with createQueryJob, page after page', async () => {
    const table = client.dataset('d').table('loaded')
    await table.load(await parquet("SELECT 'word ' || i AS word, i AS n FROM range(250) t(i)"), {
      sourceFormat: 'PARQUET',
    })
    const [job] = await client.createQueryJob({
      query: 'SELECT word, n FROM d.loaded WHERE n >= @least ORDER BY n',
      params: { least: 5 },
    })
    const [rows] = await job.getQueryResults()
    expect(rows).toHaveLength(245)
    expect(rows[0]).toEqual({ word: 'word 5', n: 5 })
    const [jobs] = await client.getJobs()
    expect(jobs.map(({ id }) => id)).toContain(job.id)
  })

  it('gets a resumable upload put together from its pieces', async () => {
    const file = await parquet("SELECT 'x' AS word FROM range(3)")
    const bytes = await readFile(file)
    const load = {
      destinationTable: { projectId: standIn.project, datasetId: 'd', tableId: 'pieces' },
      sourceFormat: 'PARQUET',
    }
    const begin = `${standIn.url}/upload/bigquery/v2/projects/${standIn.project}/jobs?uploadType=resumable`
    const begun = await fetch(begin, { method: 'POST', body: JSON.stringify({ configuration: { load } }) })
    const location = begun.headers.get('location') ?? ''
    const put = (from: number, to: number, total: string): Promise<Response> =>
      fetch(location, {
        method: 'PUT',
        body: bytes.subarray(from, to),
        headers: { 'content-range': `bytes ${from}-${to - 1}/${total}` },
        redirect: 'manual',
      })
    expect((await put(0, 100, '*')).status).toBe(308)
    expect((await put(50, 100, '*')).status).toBe(400)
    const done = await put(100, bytes.length, String(bytes.length))
    const { jobReference } = (await done.json()) as { jobReference: { jobId: string } }
    await client.job(jobReference.jobId).promise()
    const [job] = await client.createQueryJob('SELECT COUNT(*) AS n FROM d.pieces')
    const [rows] = await job.getQueryResults()
    expect(rows).toEqual([{ n: 3 }])
  })
})

describe('a script', () => {
  const ask = async (query: string): Promise<unknown[]> => {
    const [job] = await client.createQueryJob(query)
    return (await job.getQueryResults())[0]
  }

  it.each([
    [`TO_JSON_STRING(PARSE_JSON('{"b":[1, 0.5],"a":{"y":1,"x":2},"b":3}'))`, '{"a":{"x":2,"y":1},"b":[1,0.5]}'],
    [`TO_JSON_STRING(PARSE_JSON('{"ü":" \\\\" ","":null}'))`, '{"":null,"ü":" \\" "}'],
    [`TO_JSON_STRING(PARSE_JSON('[{"a":{"k":1,"k":2,"\\\\u006b":3}}]'))`, '[{"a":{"k":1}}]'],
    [`JSON_TYPE(PARSE_JSON('[{}]'))`, 'array'],
    [`JSON_TYPE(TO_JSON('{}'))`, 'string'],
    [`JSON_VALUE(TO_JSON('{}'))`, '{}'],
    [`JSON_VALUE(PARSE_JSON('{}'))`, null],
    [`SPLIT('a\\nb', '\\n')[SAFE_ORDINAL(2)]`, 'b'],
    [`SPLIT('a\\nb', '\\n')[SAFE_ORDINAL(3)]`, null],
    [`DATE(TIMESTAMP '2026-10-01 23:59:59+00') = DATE(TIMESTAMP '2026-10-01 23:59:59+00', 'UTC')`, false],
    [`TO_HEX(SHA256('a'))`, 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
  ])('takes %s for %s', async (expression, value) => {
    expect(await ask(`SELECT ${expression} AS x`)).toEqual([{ x: value }])
  })

  it('makes functions and tables for itself alone', async () => {
    const made = `CREATE TEMP FUNCTION larger(a INT64, b INT64) RETURNS INT64 AS (IF(a > b, a, b));
      CREATE TEMP TABLE pairs AS SELECT one, other FROM (SELECT 1 AS n) AS one JOIN (SELECT 2 AS n) AS other ON TRUE;`
    const question = 'SELECT larger(one.n, other.n) AS n FROM pairs'
    expect(await ask(`${made} ${question}`)).toEqual([{ n: 2 }])
    await expect(ask(question)).rejects.toThrow(/pairs|larger/i)
    await expect(ask('CREATE FUNCTION d.f(a INT64) AS (a)')).rejects.toThrow(/the stand-in cannot/)
  })
})

describe('what BigQuery refuses', () => {
  const reasonOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'nothing',
      (error: { errors?: { reason: string; message: string }[] }) =>
        `${error.errors?.[0]?.reason}: ${error.errors?.[0]?.message}`,
    )
  const ask = (query: string): Promise<string> =>
    reasonOf(client.createQueryJob(query).then(([job]) => job.getQueryResults()))
  const load = async (select: string, metadata = {}): Promise<string> =>
    reasonOf(
      client
        .dataset('d')
        .table('refusing')
        .load(await parquet(select), { sourceFormat: 'PARQUET', ...metadata }),
    )

  beforeAll(async () => {
    await client.dataset('d').createTable('refusing', { schema: { fields: SCHEMA } })
    await client.dataset('d').createTable('by_day', {
      schema: {
        fields: [
          { name: 'at_time', type: 'TIMESTAMP' },
          { name: 'n', type: 'INTEGER' },
        ],
      },
      timePartitioning: { type: 'DAY', field: 'at_time' },
      requirePartitionFilter: true,
    })
  })

  it('the Parquet stand-in refuses as well: unknown columns, other types, JSON, a table that is not empty', async () => {
    expect(await load("SELECT 'a' AS word, 1 AS other")).toMatch(/^invalid: .*Cannot add fields \(field: other\)/)
    expect(await load("SELECT 'a' AS word, 'b' AS n")).toMatch(/^invalid: .*changed type from INTEGER to STRING/)
    expect(await load("SELECT 'a' AS word, '{}' AS json")).toMatch(/^invalid: Unsupported field type: JSON/)
    expect(await load('SELECT NULL::VARCHAR AS word')).toMatch(/^invalidQuery/)
    expect(await load("SELECT 'a' AS word")).toBe('nothing')
    expect(await load("SELECT 'a' AS word", { writeDisposition: 'WRITE_EMPTY' })).toMatch(/^duplicate/)
  })

  it.each([
    ['SELECT nothing FROM d.refusing', /^invalidQuery: Unrecognized name: nothing/],
    ['SELECT 1 FROM d.no_table', /^notFound/],
    ['SELEC 1', /^invalidQuery: Syntax error/],
    ['SELECT "word" FROM d.refusing WHERE "word" = word', /^nothing/],
    ['SELECT TEXT_FUNCTION(word) FROM d.refusing', /^invalidQuery: Function not found: TEXT_FUNCTION/],
    ['SELECT n FROM d.by_day', /^invalidQuery: Cannot query over table/],
    ['SELECT n FROM d.by_day WHERE n = 1', /^invalidQuery: Cannot query over table/],
    ['UPDATE d.by_day SET n = 1 WHERE n = 2', /^invalidQuery: Cannot query over table/],
    ["SELECT n FROM d.by_day WHERE at_time >= TIMESTAMP '2026-01-01 00:00:00+00'", /^nothing/],
    ["UPDATE d.by_day SET n = 1 WHERE at_time >= TIMESTAMP '2026-01-01 00:00:00+00'", /^nothing/],
    ["ASSERT 1 = 2 AS 'it is not'", /^invalidQuery: .*Assertion failed: it is not/],
    ["SELECT PARSE_JSON('{\"a\":123456789012345678901}', wide_number_mode => 'exact')", /^invalidQuery/],
    ["SELECT SAFE.PARSE_JSON('{\"a\":123456789012345678901}', wide_number_mode => 'exact')", /^nothing/],
  ])('%s: %s', async (query, answer) => {
    expect(await ask(query)).toMatch(answer)
  })

  it('names that are none, and what is there already', async () => {
    expect(await reasonOf(client.createDataset('a-b'))).toMatch(/^invalid/)
    expect(await reasonOf(client.createDataset('d'))).toMatch(/^duplicate/)
    expect(await reasonOf(client.dataset('d').createTable('refusing', {}))).toMatch(/^duplicate/)
    expect(await reasonOf(client.createQueryJob({ query: 'SELECT 1', jobId: 'no spaces, please' }))).toMatch(/^invalid/)
    await client.createQueryJob({ query: 'SELECT 1', jobId: 'once' })
    expect(await reasonOf(client.createQueryJob({ query: 'SELECT 1', jobId: 'once' }))).toMatch(/^duplicate/)
    expect(await reasonOf(client.job('never').getMetadata())).toMatch(/^notFound/)
    expect(
      await reasonOf(client.createQueryJob({ query: 'SELECT 1', location: 'EU', defaultDataset: { datasetId: 'd' } })),
    ).toMatch(/^notFound/)
  })

  it('columns that would go, change or be required', async () => {
    const change = (fields: object[]): Promise<string> =>
      reasonOf(client.dataset('d').table('refusing').setMetadata({ schema: { fields } }))
    expect(await change(SCHEMA.slice(1))).toMatch(/^invalid/)
    expect(await change([...SCHEMA.slice(0, 2), { name: 'json', type: 'STRING' }])).toMatch(/^invalid/)
    expect(await change([...SCHEMA, { name: 'more', type: 'STRING', mode: 'REQUIRED' }])).toMatch(/^invalid/)
    expect(await change([...SCHEMA, { name: 'more', type: 'STRING' }])).toBe('nothing')
  })

  it('what it has not learnt, loudly', async () => {
    const path = join(newFolder(), 'rows.csv')
    await writeFile(path, 'a,b\n')
    expect(await reasonOf(client.dataset('d').table('refusing').load(path, { sourceFormat: 'CSV' }))).toMatch(
      /^notImplemented: the stand-in cannot/,
    )
    expect(await ask('CREATE TABLE d.x (a INT64)')).toMatch(/^notImplemented/)
    expect(await ask('SELECT @@time_zone')).toMatch(/^notImplemented/)
  })
})

describe('transactions', () => {
  const run = (query: string): Promise<unknown> => client.createQueryJob(query).then(([job]) => job.getQueryResults())
  const count = async (): Promise<number> => {
    const [job] = await client.createQueryJob('SELECT COUNT(*) AS n FROM d.rows')
    return (await job.getQueryResults())[0][0].n
  }

  beforeAll(() => client.dataset('d').createTable('rows', { schema: { fields: [{ name: 'n', type: 'INTEGER' }] } }))

  it('that fail, and those that do not come to COMMIT, leave nothing', async () => {
    await expect(run('BEGIN TRANSACTION; INSERT INTO d.rows (n) VALUES (1); ASSERT FALSE')).rejects.toThrow()
    await run('BEGIN TRANSACTION; INSERT INTO d.rows (n) VALUES (1)')
    expect(await count()).toBe(0)
  })

  it('that only insert do not exclude each other; those that change one table do', async () => {
    const together = async (query: string): Promise<string[]> => {
      standIn.jobFaults.push({ job: /./, does: 'meet in transactions', of: 2, times: 2 })
      const outcomes = await Promise.allSettled([run(query), run(query)])
      return outcomes.map((each) => (each.status === 'rejected' ? String(each.reason) : 'committed'))
    }
    const insert = 'INSERT INTO d.rows (n) VALUES (1);'
    expect(await together(`BEGIN TRANSACTION; ${insert} COMMIT TRANSACTION`)).toEqual(['committed', 'committed'])
    const update = 'UPDATE d.rows SET n = 2 WHERE TRUE;'
    const outcomes = await together(`BEGIN TRANSACTION; ${update} ${insert} COMMIT TRANSACTION`)
    expect(outcomes.filter((each) => each === 'committed')).toHaveLength(1)
    expect(outcomes.find((each) => each !== 'committed')).toContain('aborted due to concurrent update against table')
    expect(await count()).toBe(3)
  })
})
