/** docs/retention.md: each export is a statement of its database and holds the month it names, no more and no less. */

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BigQuery } from '@google-cloud/bigquery'
import { Dialect, parse as parseRedshift } from '@polyglot-sql/sdk'
import { PassThroughClient } from 'google-auth-library'
import { expect, it, onTestFinished } from 'vitest'
import { startBigQuery } from '../emulators/bigquery/server.js'
import { addressOf, newSchema, standIns } from '../sinks/redshift/support.js'
import { inCheckout, inDatabase, ndjson, newFolder, run, summaryOf, valueIn } from './support.js'

const page = readFileSync(inCheckout('docs/retention.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text = '']) => text)
const [shell = ''] = blocks('sh')
const [exportData = '', unload = ''] = blocks('sql')

const at = (timestamp: string, more: object = {}) => ({ timestamp, action: 'user:login', ...more })
const OCTOBER = [at('2026-10-01T00:00:00Z'), at('2026-10-31T23:59:59.999999Z', { run_asset: 7 })]
const LOGS = ndjson(at('2026-09-30T23:59:59Z'), ...OCTOBER, at('2026-11-01T00:00:00Z'), '{cut')

const redshift = standIns()

function folderWithLogs(): string {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'a.ndjson'), LOGS)
  return cwd
}

async function exported(select: string, to: string, env = {}): Promise<number> {
  const cwd = folderWithLogs()
  await summaryOf(['load', '--from', 'a.ndjson', '--to', to], { cwd, env })
  const { stdout, stderr } = await run(['query', select, '--to', to, '--format', 'ndjson'], { cwd, env })
  expect(stderr).toBe('')
  return stdout.trim().split('\n').length
}

it('exports a month of DuckDB to Parquet', async () => {
  const cwd = folderWithLogs()
  symlinkSync(inCheckout('bin'), join(cwd, 'bin'))
  await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
  const file = join(cwd, 'audit.duckdb')
  const moved = ['rejects', 'documents'].map((table) => `UPDATE audit_${table} SET loaded_at = '2026-10-15T00:00:00Z'`)
  await inDatabase(file, ...moved)

  const env = { PATH: process.env.PATH, HOME: cwd, TZ: 'Pacific/Auckland' }
  await promisify(execFile)('bash', ['-euc', shell], { cwd, env })
  for (const [table, rows] of [
    ['events', 2],
    ['rejects', 1],
    ['documents', 1],
  ] as const) {
    const parquet = `read_parquet('${join(cwd, `audit_${table}-2026-10.parquet`)}')`
    expect(await valueIn(file, `SELECT count(*)::INTEGER FROM ${parquet}`), table).toBe(rows)
    const columns = (relation: string) => inDatabase(file, `SELECT column_name FROM (DESCRIBE FROM ${relation})`)
    expect(await columns(parquet)).toEqual(await columns(`audit_${table}`))
  }
})

it('does not load an export as if it were a log, in any format, and says what rebuilds a sink', async () => {
  const cwd = folderWithLogs()
  await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
  for (const format of ['parquet', 'ndjson', 'json', 'arrow']) {
    const { stdout } = await run(['query', 'FROM audit_events', '--format', format], { cwd, encoding: 'latin1' })
    writeFileSync(join(cwd, `export.${format}`), stdout, 'latin1')
    const { code, stderr } = await run(['load', '--from', `export.${format}`, '--to', 'duckdb:b.duckdb'], { cwd })
    expect(code, format).toBe(1)
    expect(stderr, format).toMatch(/none of it was loaded/)
    if (format !== 'arrow' && format !== 'json') expect(stderr).toContain('--from export:')
  }
  expect(await valueIn(join(cwd, 'b.duckdb'), 'SELECT count(*)::INTEGER FROM audit_events')).toBe(0)
})

it('loads the exports of a folder back, row by row, and refuses those of other tables beside them', async () => {
  const cwd = folderWithLogs()
  await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
  mkdirSync(join(cwd, 'exports'))
  for (const [table, format] of [
    ['audit_events', 'parquet'],
    ['audit_events', 'ndjson'],
    ['audit_rejects', 'parquet'],
    ['audit_documents', 'ndjson'],
  ] as const) {
    const { stdout } = await run(['query', `FROM ${table}`, '--format', format], { cwd, encoding: 'latin1' })
    writeFileSync(join(cwd, `exports/${table}.${format}`), stdout, 'latin1')
  }
  const back = ['load', '--from', 'export:exports', '--archive', 'kept', '--to', 'duckdb:back.duckdb']
  const { code, stderr } = await run(back, { cwd })
  expect(code).toBe(1)
  expect(stderr.match(/not an export of audit_events/g)).toHaveLength(2)
  const events = (file: string) =>
    inDatabase(join(cwd, file), 'SELECT * EXCLUDE (load_id, loaded_at) FROM audit_events ORDER BY content_hash')
  expect(await events('audit.duckdb')).toHaveLength(4)
  expect(await events('back.duckdb')).toEqual(await events('audit.duckdb'))
  // What was archived of them is known for exports.
  await summaryOf(['load', '--from', 'archive:kept', '--to', 'duckdb:again.duckdb'], { cwd })
  expect(await events('again.duckdb')).toEqual(await events('audit.duckdb'))
})

it.each(['https://acme.wandb.io', 'archive:kept', 'export:exports'])('takes no export from %s', async (address) => {
  const { code, stderr } = await run(['load', '--from', `export:${address}`], { cwd: newFolder() })
  expect(code).toBe(2)
  expect(stderr).toMatch(/an export is a file, a folder, a glob, a bucket/)
})

it('exports a month of BigQuery', async () => {
  const standIn = await startBigQuery()
  onTestFinished(() => standIn.close())
  const cwd = folderWithLogs()
  const to = `bigquery://${standIn.project}/wandb_audit?endpoint=${standIn.url}`
  await summaryOf(['load', '--from', 'a.ndjson', '--to', to], { cwd })
  const client = new BigQuery({
    projectId: standIn.project,
    apiEndpoint: standIn.url,
    authClient: new PassThroughClient(),
  })
  const asked = async (query: string): Promise<string | undefined> => {
    const [job] = await client.createQueryJob(query)
    await job.promise()
    return job.metadata.statistics.query.exportDataStatistics?.rowCount
  }
  await asked("UPDATE wandb_audit.audit_rejects SET loaded_at = TIMESTAMP '2026-10-15 00:00:00+00' WHERE TRUE")
  await asked("UPDATE wandb_audit.audit_documents SET loaded_at = TIMESTAMP '2026-10-15 00:00:00+00' WHERE TRUE")
  const statements = exportData.split(/;\n+/).filter((text) => text !== '')
  expect(await Promise.all(statements.map(asked))).toEqual(['2', '1', '1'])
  const inDoubleQuotes = statements[0]?.replaceAll('`', '"') ?? ''
  expect(await asked(inDoubleQuotes).catch(String)).not.toBe('2')
})

it('adds up what BigQuery was paid, as its guide says', async () => {
  const standIn = await startBigQuery()
  onTestFinished(() => standIn.close())
  const [, costs = ''] = /^```sql\n([\s\S]*?)^```$/m.exec(readFileSync(inCheckout('docs/bigquery.md'), 'utf8')) ?? []
  expect(await exported(costs, `bigquery://${standIn.project}/wandb_audit?endpoint=${standIn.url}`)).toBe(1)
})

it('exports a month of Redshift', async () => {
  expect(parseRedshift(unload, Dialect.Redshift)).toMatchObject({ success: true })
  const select = /^UNLOAD \('(.*)'\)$/m.exec(unload)?.[1]?.replaceAll("''", "'") ?? ''
  expect(parseRedshift(select, Dialect.Redshift)).toMatchObject({ success: true })
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' }
  expect(await exported(select, addressOf(redshift, newSchema()), env)).toBe(OCTOBER.length)
})

it('advises nowhere to lock the bucket that W&B writes to', () => {
  expect(page).toContain('## Do not lock the instance bucket')
  for (const guide of ['s3', 'gcs', 'azure', 'buckets']) {
    expect(readFileSync(inCheckout(`docs/${guide}.md`), 'utf8')).toMatch(
      /do not (lock|set an? (retention|immutability) policy)/i,
    )
  }
})
