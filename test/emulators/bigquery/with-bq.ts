/**
 * The stand-in as Google's own `bq` meets it, by hand where the Google Cloud SDK is installed:
 * npx tsx test/emulators/bigquery/with-bq.ts
 */

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { bigquerySink } from '../../../sinks/bigquery/index.js'
import { startBigQuery } from './server.js'

const run = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'with-bq-'))
const standIn = await startBigQuery()

/** Its wrapper asks for a Google login first; the program within takes any token. */
const { stdout: wrapper } = await run('which', ['bq'])
const program = join(dirname(await realpath(wrapper.trim())), '../platform/bq')

/** The calls as Google describes them, at this server. */
const described = JSON.parse(await readFile(join(program, 'discovery_next/bigquery.json'), 'utf8'))
const discovery = join(folder, 'discovery.json')
await writeFile(
  discovery,
  JSON.stringify({ ...described, rootUrl: `${standIn.url}/`, baseUrl: `${standIn.url}/bigquery/v2/` }),
)
await writeFile(join(folder, 'bigqueryrc'), '')

async function bq(...args: string[]): Promise<string> {
  const flags = [
    `--bigqueryrc=${join(folder, 'bigqueryrc')}`,
    '--oauth_access_token=none',
    `--api=${standIn.url}`,
    `--discovery_file=${discovery}`,
    `--project_id=${standIn.project}`,
    '--format=json',
    '--quiet',
  ]
  const env = { ...process.env, HOME: folder, CLOUDSDK_CONFIG: folder }
  const answer = await run('python3', [join(program, 'bq.py'), ...flags, ...args], { env }).catch(
    ({ stdout }: { stdout: string }) => ({ stdout }),
  )
  return answer.stdout
}

async function check(what: string, expected: RegExp, ...args: string[]): Promise<void> {
  const answer = await bq(...args)
  const right = expected.test(answer)
  process.stdout.write(`${right ? 'ok  ' : 'FAIL'} ${what}\n${right ? '' : `${answer}\n`}`)
  if (!right) process.exitCode = 1
}

const file = join(folder, 'rows.parquet')
const connection = await (await DuckDBInstance.create(':memory:')).connect()
await connection.run(
  `COPY (SELECT 'row ' || i AS word, i AS n FROM range(300000) t(i)) TO '${file}' (FORMAT parquet, COMPRESSION zstd)`,
)
const never = new AbortController().signal
await bigquerySink(`bigquery://${standIn.project}/audit?endpoint=${standIn.url}`, {
  signal: never,
  onNotice() {},
}).prepare()

await check('lists the dataset and the tables that the sink made', /audit_events/, 'ls', 'audit')
await check('shows columns with their descriptions', /When the action took place, in UTC/, 'show', 'audit.audit_events')
await check('makes a table', /^/, 'mk', '-t', 'audit.words', 'word:STRING,n:INTEGER')
await check('loads a file by a resumable upload', /^/, 'load', '--source_format=PARQUET', 'audit.words', file)
await check('asks', /44999850000/, 'query', '--nouse_legacy_sql', 'SELECT COUNT(*) AS n, SUM(n) AS s FROM audit.words')
await check('reads rows', /row 1/, 'head', '-n', '2', 'audit.words')
await check(
  'is told what a query would read',
  /30000000/,
  'query',
  '--nouse_legacy_sql',
  '--dry_run',
  'SELECT n FROM audit.words',
)
await check('is told what is wrong', /Unrecognized name: x/, 'query', '--nouse_legacy_sql', 'SELECT x FROM audit.words')
await check('lists the jobs', /"load"/, 'ls', '-j')
await standIn.close()
await rm(folder, { recursive: true, force: true })
