import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { contentsOf, ndjson, newFolder, run, start, summaryOf } from './support.js'

const cwd = newFolder()
const query = (sql: string, ...args: readonly string[]) => run(['query', sql, ...args], { cwd })

beforeAll(async () => {
  writeFileSync(
    join(cwd, 'a.ndjson'),
    ndjson(
      { timestamp: '2026-10-01T12:34:56.123456Z', action: 'user:login', actor_user_id: 7, response_code: 200 },
      { timestamp: '2026-10-01T12:34:57Z', action: 'user:logout', actor_user_id: 7, response_code: 403, odd: [1] },
    ),
  )
  await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
})

describe('query', () => {
  it('answers with a table', async () => {
    const { code, stdout, stderr } = await query('SELECT action, response_code FROM audit_events ORDER BY action')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^action +response_code\n.*\nuser:login +200\nuser:logout +403\n\(2 rows\)\n$/)
  })

  it('answers in a form for programs', async () => {
    const sql = 'SELECT "timestamp", actor_user_id, extra FROM audit_events ORDER BY "timestamp"'
    const rows = [
      { timestamp: '2026-10-01T12:34:56.123456Z', actor_user_id: '7', extra: null },
      { timestamp: '2026-10-01T12:34:57Z', actor_user_id: '7', extra: { odd: [1] } },
    ]
    expect(JSON.parse((await query(sql, '--format', 'json')).stdout)).toEqual(rows)
    const { stdout } = await query(sql, '--format', 'ndjson')
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(rows)
  })

  it('knows the views', async () => {
    const { stdout } = await query('SELECT day, category, events FROM audit_activity_per_day', '--format', 'csv')
    expect(stdout).toBe('day,category,events\r\n2026-10-01,auth,2\r\n')
    expect((await query('SELECT count(*) AS n FROM audit_refused_requests', '--format', 'csv')).stdout).toContain('1')
  })

  it.each(['DELETE FROM audit_events', 'DROP TABLE audit_rejects', "UPDATE audit_events SET action = 'x'"])(
    'changes nothing: %s',
    async (sql) => {
      const before = await contentsOf(join(cwd, 'audit.duckdb'))
      const { code, stdout, stderr } = await query(sql)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(/a query is one statement that only reads.*\n.*Ask with one SELECT/)
      expect(await contentsOf(join(cwd, 'audit.duckdb'))).toEqual(before)
    },
  )

  it('knows nothing of the environment', async () => {
    const env = { HTTP_PROXY: 'http://me:hidden@127.0.0.1:9', WANDB_API_KEY: 'hidden' }
    const { code, stdout } = await run(['query', 'FROM duckdb_settings()', '--format', 'csv'], { cwd, env })
    expect(code).toBe(0)
    expect(stdout).toContain('http_proxy')
    expect(stdout).not.toContain('hidden')
  })

  it('says what is wrong with a statement', async () => {
    expect((await query('SELECT nothing FROM audit_events')).stderr).toMatch(/Binder Error.*nothing/)
    expect((await query('FROM nowhere')).stderr).toMatch(/Catalog Error.*nowhere/)
    expect((await query('SELEC 1')).stderr).toMatch(/Parser Error/)
  })

  it('shows the line, the place and what may have been meant', async () => {
    const { code, stderr } = await query('SELECT action,\n  acton FROM audit_events')
    expect(code).toBe(1)
    expect(stderr).toMatch(/\nLINE 2: {3}acton FROM audit_events\n {10}\^\n {2}Did you mean action/)
  })

  it('takes the statement from a file, or from standard input', async () => {
    const sql = 'SELECT count(*) AS n FROM audit_events;\n'
    writeFileSync(join(cwd, 'n.sql'), `\uFEFF${sql}`)
    const csv = ['--format', 'csv'] as const
    for (const args of [
      ['-f', 'n.sql'],
      ['--file', 'n.sql'],
    ])
      expect((await run(['query', ...args, ...csv], { cwd })).stdout).toBe('n\r\n2\r\n')
    for (const args of [['-'], []])
      expect((await run(['query', ...args, ...csv], { cwd, stdin: sql })).stdout).toBe('n\r\n2\r\n')
  })

  it.each([
    [[''], /the query is empty/],
    [['  \n'], /the query is empty/],
    [[], /the query is empty/],
    [['-f', 'none.sql'], /there is no query file none\.sql\n {2}Name a file with --file/],
    [['-f', '.'], /query file \.: it is a folder/],
    [['SELECT 1', '-f', 'n.sql'], /a query was given both as an argument and with --file/],
    [['SELECT $a', '--param', 'a'], /Not of the form name=value/],
    [['SELECT $a', '--param', 'a=1', '--param', 'a=2'], /a has a value already/],
    [['SELECT $a'], /the parameter \$a has no value\n.*--param a=VALUE/],
    [['SELECT 1', '--param', 'a=1'], /the query has no parameter a/],
  ])('is wrong usage: %j', async (args, message) => {
    const { code, stdout, stderr } = await run(['query', ...args], { cwd })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })

  it('binds the values of parameters', async () => {
    const sql = 'SELECT action FROM audit_events WHERE action = $action AND response_code < $most'
    const params = ['--param', 'action=user:login', '--param', 'most=400', '--format', 'csv']
    expect((await query(sql, ...params)).stdout).toBe('action\r\nuser:login\r\n')
    expect((await query('SELECT $v AS v', '--param', "v=a=' OR 1", '--format', 'csv')).stdout).toBe("v\r\na=' OR 1\r\n")
  })

  it.each(['query', 'rejects'])('%s asks which of several sinks is meant', async (command) => {
    const env = { WANDB_AUDIT_TO: 'duckdb:audit.duckdb,parquet:lake' }
    const args = command === 'query' ? ['query', 'SELECT 1'] : ['rejects']
    const { code, stderr } = await run(args, { cwd, env })
    expect(code).toBe(2)
    expect(stderr).toMatch(/several sinks: duckdb:audit\.duckdb, parquet:lake\n.*--to/)
    expect((await run([...args, '--to', 'duckdb:audit.duckdb'], { cwd, env })).code).toBe(0)
  })

  it('says when nothing is loaded yet', async () => {
    const { code, stderr } = await query('SELECT 1', '--to', 'duckdb:new.duckdb')
    expect(code).toBe(1)
    expect(stderr).toMatch(/new\.duckdb: the file does not exist yet\n.*Load something first/)
  })

  it('ends quietly when its reader has had enough', async () => {
    const { child, result, written } = start(['query', 'FROM range(1000000)', '--format', 'csv'], { cwd })
    await written(/^range\r\n/)
    child.stdout?.destroy()
    const { code, stderr } = await result
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})
