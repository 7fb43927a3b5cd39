import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ndjson, newFolder, run, runProgram, summaryOf } from './support.js'

/** A title, a colour, text that runs backwards, and what hides, deletes or overwrites a line. */
const HOSTILE = '\ufeff\u001b]0;owned\u0007\u009b31m\u202e\u200b\u2028\u007f\r\t\u{e0041}=1'
const STEERS = /[\p{Cc}\p{Cf}\u2028\u2029]/u
const BAD_LINE = `bad ${HOSTILE.replace('\r', '')}`
const BAD_BYTES = Buffer.concat([Buffer.from('bytes \u001b[31m \u009b'), Buffer.from([0x9b, 0xff])])

const cwd = newFolder()
const name = `evil\u001b[31m\u009b\u202e.ndjson`
const logs = join(cwd, 'logs')

/** The program takes its output for a terminal; `NO_COLOR`, so that nothing of ours steers it. */
const env = {
  NO_COLOR: '1',
  NODE_OPTIONS: '--import=data:text/javascript,process.stdout.isTTY=true;process.stderr.isTTY=true',
}
const onTerminal = (...args: readonly string[]) => runProgram(args, { cwd, env })
const elsewhere = (...args: readonly string[]) => run(args, { cwd })

/** The text without the line ends and tabs that are ours. */
const harmless = (text: string): string => text.replace(/\r?\n/g, '').replace(/^\d+\t/, '')

beforeAll(async () => {
  mkdirSync(logs)
  const event = {
    timestamp: '2026-10-01T12:34:56Z',
    action: HOSTILE,
    cli_version: HOSTILE,
    [`key ${HOSTILE}`]: HOSTILE,
  }
  const lines = Buffer.concat([Buffer.from(`${ndjson(event)}${BAD_LINE}\n`), BAD_BYTES, Buffer.from('\n')])
  writeFileSync(join(logs, name), lines)
  await summaryOf(['load', '--max-rejects', '9', '--from', 'logs'], { cwd })
})

const SQL = `SELECT cli_version AS "column ${HOSTILE}", extra FROM audit_events`

describe('on a terminal', () => {
  it.each([
    ['query', SQL],
    ['query', SQL, '--format', 'csv'],
    ['query', SQL, '--format', 'json'],
    ['query', SQL, '--format', 'ndjson'],
    ['rejects'],
    ['rejects', '--format', 'csv'],
    ['rejects', '--raw'],
    ['status'],
    ['status', '--output', 'json'],
    ['load', '--from', 'logs', '--to', 'duckdb:other.duckdb', '--dry-run', '--quiet'],
    ['load', '--from', 'logs', '--to', 'duckdb:other.duckdb', '--dry-run', '--output', 'json'],
  ])('nothing that could steer it is written by %s %s %s %s', async (...args) => {
    const { code, stdout, stderr } = await onTerminal(...args.filter((arg) => arg !== undefined))
    expect({ code, steers: STEERS.test(harmless(stdout) + harmless(stderr)) }).toEqual({ code: 0, steers: false })
    expect(stdout).toContain('\\u001b')
  })

  it.each([
    ['load', '--from', `logs/${name}/none`],
    ['load', '--from', 'logs', '--to', `no${HOSTILE}:sink`],
    ['query', `SELECT "${HOSTILE}" FROM audit_events`],
    ['query', 'SELECT 1', `--${HOSTILE}`],
    [HOSTILE],
  ])('nothing that could steer it is in an error: %j', async (...args) => {
    const { code, stdout, stderr } = await onTerminal(...args)
    expect(code).not.toBe(0)
    expect(stderr).toContain('\\u001b')
    expect(STEERS.test(harmless(stdout) + harmless(stderr))).toBe(false)
  })

  it('json is still json, with every character', async () => {
    const { stdout } = await onTerminal('query', SQL, '--format', 'json')
    const row = { [`column ${HOSTILE}`]: HOSTILE, extra: { [`key ${HOSTILE}`]: HOSTILE } }
    expect(JSON.parse(stdout)).toEqual([row])
    expect(JSON.parse((await onTerminal('query', SQL, '--format', 'ndjson')).stdout)).toEqual(row)
    const [status] = JSON.parse((await onTerminal('status', '--output', 'json')).stdout)
    expect(status.unknown_keys).toMatchObject([{ key: `key ${HOSTILE}` }])
  })

  it('parquet and arrow are refused, before anything is asked', async () => {
    for (const format of ['parquet', 'arrow']) {
      const { code, stdout, stderr } = await onTerminal('query', 'SELECT 1', '--format', format)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(/not for a terminal\n.*> result/)
    }
    const { code } = await onTerminal('query', 'SELECT 1', '--format', 'parquet', '--raw-output')
    expect(code).toBe(0)
  })

  it('everything is as it came with --raw-output', async () => {
    const csv = ['query', 'SELECT cli_version FROM audit_events', '--format', 'csv']
    expect((await onTerminal(...csv, '--raw-output')).stdout).toBe(`cli_version\r\n"${HOSTILE}"\r\n`)
    const raw = await runProgram(['rejects', '--raw', '--raw-output'], { cwd, env, encoding: 'latin1' })
    expect(Buffer.from(raw.stdout, 'latin1')).toEqual(
      Buffer.concat([Buffer.from(`${BAD_LINE}\n`), BAD_BYTES, Buffer.from('\n')]),
    )
  })
})

describe('elsewhere', () => {
  it('values are as they came', async () => {
    const { stdout } = await elsewhere('query', 'SELECT cli_version FROM audit_events', '--format', 'csv')
    expect(stdout).toBe(`cli_version\r\n"${HOSTILE}"\r\n`)
    const raw = await run(['rejects', '--raw'], { cwd, encoding: 'latin1' })
    expect(Buffer.from(raw.stdout, 'latin1')).toEqual(
      Buffer.concat([Buffer.from(`${BAD_LINE}\n`), BAD_BYTES, Buffer.from('\n')]),
    )
  })
})

describe('--csv-safe', () => {
  it('guards what a spreadsheet would take for a formula', async () => {
    const sql = `SELECT '=1+1' AS a, '+1' AS b, '-1' AS c, '@x' AS d, chr(9) || '=1' AS e, chr(13) || '=1' AS f, '＝1' AS g,
      'x;=1' AS h, 'plain' AS i, '' AS j, NULL AS k, -1 AS l, true AS m, 'it''s "=1"' AS n, '=1' AS "=header"`
    const { stdout } = await elsewhere('query', sql, '--format', 'csv', '--csv-safe')
    expect(stdout).toBe(
      [
        '"a","b","c","d","e","f","g","h","i","j","k","l","m","n","\'=header"\r\n',
        `"'=1+1","'+1","'-1","'@x","'\t=1","'\r=1","'＝1","x;=1","plain","",,-1,true,"it's ""=1""","'=1"\r\n`,
      ].join(''),
    )
    expect((await elsewhere('query', "SELECT '=1' AS a", '--format', 'csv')).stdout).toBe('a\r\n=1\r\n')
    expect((await elsewhere('rejects', '--format', 'csv', '--csv-safe')).stdout).toMatch(/^"loaded_at",/)
  })

  it('is refused for other formats', async () => {
    const { code, stderr } = await elsewhere('query', 'SELECT 1', '--csv-safe')
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--format csv') })
  })
})
