import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Fault, startWandbApi } from '../../src/demo/wandb-api.js'
import { holdFile, letGo } from '../support/hold.js'
import { ndjson, newFolder, type Result, run, start } from './support.js'

/** Stands in everything that must not be told. */
const MARK = 'planted'
const KEY = `key-${MARK}-in-the-environment`
const IP = '203.0.113.177'
const ID = 77_770_077
const FORBIDDEN = [MARK, IP, String(ID), Buffer.from(`api:${KEY}`).toString('base64')]
const SECRETS = { WANDB_API_KEY: KEY, PGPASSWORD: `password-${MARK}`, AWS_SECRET_ACCESS_KEY: `secret-${MARK}` }

const RECORD = {
  timestamp: '2026-10-01T12:34:56Z',
  action: 'user:login',
  actor_user_id: ID,
  actor_ip: IP,
  actor_email: `ada.${MARK}@example.com`,
  user_email: `alan.${MARK}@example.com`,
  project_name: `project ${MARK}`,
  cli_version: `0.17.0-${MARK}`,
  response_code: MARK,
  [`key_${MARK}`]: { deep: [`extra ${MARK}`] },
}
const { timestamp: _, ...WITHOUT_TIMESTAMP } = RECORD
const BAD_LINES = [
  { ...RECORD, timestamp: `yesterday ${MARK}` },
  { ...RECORD, timestamp: `2026-10-01T12:34:60Z` },
  { ...RECORD, action: null },
  WITHOUT_TIMESTAMP,
  [RECORD],
  `{"actor_email":"cut.${MARK}@exam`,
  `${JSON.stringify(RECORD)} ${JSON.stringify(RECORD)}`,
  `<html>${MARK}</html>`,
  `"${MARK}"`,
]

const cwd = newFolder()
const LOGS = [
  { log: 'text', flags: [] },
  { log: 'json', flags: ['--log-format', 'json'] },
]

/** Runs a command with the secrets around it, and returns all that it wrote; debug entries and stacks too. */
function told(args: readonly string[]): Promise<Result> {
  return run(args, { cwd, env: { ...SECRETS, WANDB_AUDIT_DEBUG: '1' } })
}

function expectNothingTold({ stdout, stderr }: Result): void {
  for (const value of FORBIDDEN) expect(stdout + stderr).not.toContain(value)
}

beforeAll(async () => {
  mkdirSync(join(cwd, 'logs'))
  mkdirSync(join(cwd, 'broken'))
  writeFileSync(join(cwd, 'logs/a.ndjson'), ndjson(RECORD, RECORD, ...BAD_LINES))
  writeFileSync(join(cwd, 'logs/bytes.ndjson'), Buffer.concat([Buffer.from(MARK), Buffer.from([0xff, 0x0a])]))
  writeFileSync(join(cwd, 'broken/a.gz'), gzipSync(ndjson(RECORD, RECORD)).subarray(0, 60))
  writeFileSync(join(cwd, 'broken/b.gz'), Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.from(MARK.repeat(9))]))
  writeFileSync(join(cwd, 'broken/c.zst'), Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.from(MARK)]))
  writeFileSync(join(cwd, 'broken/page.json'), `{"audit_logs":[${JSON.stringify(RECORD)},{"actor_email":"${MARK}`)
})

describe.each(LOGS)('no value of a record and no secret is told, with a log as $log', ({ log, flags }) => {
  const to = ['--to', `duckdb:${log}.duckdb`]

  it('by a load, by status and by the list of rejects', async () => {
    const load = await told(['load', '--from', 'logs', '--max-rejects', '10', ...to, ...flags])
    expect(load.stdout).toContain('read 12 = 2 inserted + 0 enriched + 0 unchanged + 10 rejected')
    expectNothingTold(load)
    for (const args of [['rejects'], ['rejects', '--format', 'json']]) {
      const { code, ...output } = await told([...args, ...to, ...flags])
      expectNothingTold({ code, ...output })
      expect(code).toBe(0)
    }
    for (const form of ['text', 'json']) {
      const status = await told(['status', '--output', form, ...to, ...flags])
      // The name of an unknown key is what status is for; nobody's value is.
      expectNothingTold({ ...status, stdout: status.stdout.replaceAll(`key_${MARK}`, '') })
      expect(status.code).toBe(0)
    }
  })

  it('but by a query and by rejects --raw, which are asked for it', async () => {
    const query = await told(['query', 'FROM audit_events', '--format', 'json', ...to, ...flags])
    for (const value of [RECORD.actor_email, RECORD.project_name, `extra ${MARK}`, IP, String(ID)])
      expect(query.stdout).toContain(value)
    const raw = await told(['rejects', '--raw', ...to, ...flags])
    expect(raw.stdout).toContain(`yesterday ${MARK}`)
    expect(query.stderr + raw.stderr).toBe('')
  })

  it.each([
    'SELECT actor_email::INTEGER FROM audit_events',
    'SELECT error(actor_email) FROM audit_events',
    'SELECT "timestamp" AT TIME ZONE actor_email FROM audit_events',
    'SELECT json(actor_email) FROM audit_events',
    "SELECT regexp_matches(action, actor_email || '(') FROM audit_events",
    'INSERT INTO audit_events SELECT * FROM audit_events',
    'SELECT nothing FROM audit_events',
  ])('by the error of %s', async (sql) => {
    const result = await told(['query', sql, ...to, ...flags])
    // A statement that is no question is wrong usage.
    expect(result).toMatchObject({ code: sql.startsWith('INSERT') ? 2 : 1, stdout: '' })
    expectNothingTold(result)
  })

  it('by documents that are broken', async () => {
    const result = await told(['load', '--from', 'broken', '--output', 'json', ...to, ...flags])
    expect(result.code).toBe(1)
    expect(JSON.parse(result.stdout).failed).toHaveLength(4)
    expectNothingTold(result)
  })

  it.each([
    { what: 'a sink in a folder that is missing', args: ['--to', 'duckdb:missing/audit.duckdb'] },
    { what: 'a sink that is a folder', args: ['--to', 'duckdb:logs'] },
    { what: 'a sink that is something else', args: ['--to', 'duckdb:logs/a.ndjson'] },
    // Not even root can write there.
    { what: 'a sink in a folder that cannot be written', args: ['--to', 'duckdb:/proc/audit.duckdb'] },
    { what: 'a spool that is missing', args: ['--spool', 'missing'] },
    { what: 'a source that is missing', args: ['--from', 'missing'] },
  ])('by $what', async ({ args }) => {
    const result = await told(['load', '--from', 'logs', '--to', `duckdb:${log}-errors.duckdb`, ...args, ...flags])
    expect(result.code).toBeGreaterThan(0)
    expect(result.stderr).toMatch(/wandb-audit: |ERROR: |"level":"(?:error|fatal)"/)
    expectNothingTold(result)
  })

  it('while it waits for a file that another process holds, nor by what the system shows of it', async () => {
    const holder = await holdFile(join(cwd, `${log}-held.duckdb`), 'CREATE TABLE theirs (i INTEGER)')
    const load = ['load', '--from', 'logs', '--max-rejects', '10', '--to', `duckdb:${log}-held.duckdb`, ...flags]
    const { child, result, written } = start(load, { cwd, env: SECRETS })
    await written(/waiting for the DuckDB file/)
    const shown = execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(child.pid)], { encoding: 'utf8' })
    expect(shown).toContain('load --from logs')
    expectNothingTold({ code: 0, stdout: shown, stderr: '' })
    await letGo(holder)
    expect((await result).code).toBe(0)
    expectNothingTold(await result)
  })

  const FAULTS: readonly Fault[] = [
    { kind: 'status', status: 401, text: `${MARK} ${KEY}` },
    { kind: 'status', status: 403, text: JSON.stringify(RECORD) },
    { kind: 'status', status: 500, text: JSON.stringify(RECORD), retryAfter: '3600' },
    { kind: 'status', status: 200, text: `<html>${MARK}</html>` },
    { kind: 'status', status: 200, text: `${MARK} is no log` },
    { kind: 'redirect', to: `http://127.0.0.1:1/login?token=${MARK}` },
    { kind: 'multiple-organizations' },
    { kind: 'html' },
  ]
  it.each(FAULTS)('by an API that answers with $kind', async (fault) => {
    const api = await startWandbApi({ key: KEY, eventsPerDay: 1, faults: [fault] })
    try {
      const result = await told(['load', '--from', api.url, '--to', `duckdb:${log}-api.duckdb`, ...flags])
      expect(result).toMatchObject({ code: 1, stdout: '' })
      expectNothingTold(result)
    } finally {
      await api.close()
      rmSync(join(cwd, `${log}-api.duckdb`), { force: true })
    }
  })
})

describe('a login in an address or a proxy is not told', () => {
  const LOGIN = `ada:${MARK}@`
  const ADDRESSES = [
    `postgres://${LOGIN}host/db`,
    `postgres:${LOGIN}host`,
    `ftp://${LOGIN}host`,
    `https://${LOGIN}host`,
    `https:/${LOGIN}host`,
    `s3://${LOGIN}bucket`,
    `gs://ada:${MARK}/x@bucket`,
    `az://${LOGIN}account/x`,
    `duckdb://${LOGIN}host/x.duckdb`,
    `parquet://${LOGIN}host/x`,
    `parquet+s3://${LOGIN}bucket/x`,
    `bigquery://${LOGIN}project/x`,
    `redshift://${LOGIN}group/x`,
    `redshift:${LOGIN}group/x`,
    `fabric://${LOGIN}workspace/x`,
  ]
  const forbidden = ({ stdout, stderr }: Result): void => expect(stdout + stderr).not.toMatch(`${MARK}|ada`)

  it.each(ADDRESSES)('by any command: %s', { timeout: 120_000 }, async (address) => {
    const commands = [
      ['load', '--from', address, '--dry-run'],
      ['load', '--from', 'logs', '--to', address],
      ['status', '--to', address],
      [address],
    ]
    for (const args of commands) {
      const result = await told(args)
      expect(result.code).toBeGreaterThan(0)
      forbidden(result)
    }
  })

  it.each(['gs://bucket', 'az://account/container', 's3://bucket', 'https://acme.invalid'])(
    'by %s behind a proxy that is none',
    async (from) => {
      const env = { ...SECRETS, HTTPS_PROXY: `http://${LOGIN}:none`, WANDB_AUDIT_DEBUG: '1' }
      const result = await run(['load', '--from', from], { cwd, env })
      expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('HTTPS_PROXY') })
      forbidden(result)
    },
  )

  it('by BigQuery behind a proxy that is none', async () => {
    const env = { HTTPS_PROXY: `http://${LOGIN}:none`, WANDB_AUDIT_DEBUG: '1' }
    const result = await run(['load', '--from', 'logs', '--to', 'bigquery://project-x/audit'], { cwd, env })
    expect(result.code).toBe(2)
    forbidden(result)
  })
})
