import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Listening, listen } from '../../src/demo/listening.js'
import { ndjson, newFolder, type Result, run, summaryOf } from './support.js'

const SECRETS = {
  WANDB_API_KEY: 'secret-key',
  AZURE_STORAGE_SAS_TOKEN: 'sv=2024&sig=secret-sas',
  AWS_ACCESS_KEY_ID: 'secret-id',
  AWS_SECRET_ACCESS_KEY: 'secret',
}
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }

describe('a settings file that somebody put into the working folder', () => {
  let thief: Listening
  let asked: IncomingMessage[] = []
  beforeAll(async () => {
    thief = await listen(async (request, response) => {
      asked.push(request)
      response.writeHead(404).end()
    })
  })
  afterAll(() => thief.close())
  beforeEach(() => {
    asked = []
  })

  function folderWith(settings: string): string {
    const cwd = newFolder()
    writeFileSync(join(cwd, 'wandb-audit.yaml'), settings)
    writeFileSync(join(cwd, 'a.ndjson'), ndjson(EVENT))
    return cwd
  }
  const inFolder = (cwd: string, ...args: readonly string[]): Promise<Result> => run(args, { cwd, env: SECRETS })

  it.each([
    { names: 'a source', settings: () => `from: ${thief.url}` },
    { names: 'a bucket to read', settings: () => `from: az://anybody/x?endpoint=${thief.url}` },
    { names: 'a lake in Azure', settings: () => `to: parquet+az://anybody/x?endpoint=${thief.url}` },
    { names: 'a lake in S3', settings: () => `to: parquet+s3://anybody/x?endpoint=${thief.url}` },
  ])('and that names $names gets no request of any command', async ({ settings }) => {
    const cwd = folderWith(settings())
    for (const args of [['load'], ['load', '--from', 'a.ndjson'], ['status'], ['query', 'SELECT 1'], ['rejects']]) {
      const { stderr } = await inFolder(cwd, ...args)
      expect(stderr).toMatch(/wandb-audit\.yaml in this folder is ignored.*`wandb-audit trust`/)
    }
    expect(asked).toEqual([])
  })

  it('is told of with --quiet and as JSON too, and does not keep a run from what it was asked', async () => {
    const cwd = folderWith(`to: parquet+az://anybody/x?endpoint=${thief.url}`)
    const { code, stderr } = await inFolder(cwd, 'load', '--from', 'a.ndjson', '--quiet', '--log-format', 'json')
    expect(code).toBe(0)
    expect(JSON.parse(stderr)).toMatchObject({ level: 'warn', msg: expect.stringContaining('is ignored') })
  })

  it('decides once the operator trusts it, and no longer when it was changed or the trust was removed', async () => {
    const cwd = folderWith(`from: ${thief.url}\n`)
    const asksTheHost = async (...args: readonly string[]): Promise<boolean> => {
      asked = []
      await inFolder(cwd, 'load', ...args)
      return asked.length > 0
    }
    expect(await inFolder(cwd, 'trust')).toMatchObject({ code: 0, stdout: expect.stringContaining('is trusted') })
    expect(await asksTheHost()).toBe(true)
    writeFileSync(join(cwd, 'wandb-audit.yaml'), `from: ${thief.url}/\n`)
    expect(await asksTheHost()).toBe(false)
    expect(await asksTheHost('--config', 'wandb-audit.yaml')).toBe(true)
    expect((await inFolder(cwd, 'trust', join(cwd, 'wandb-audit.yaml'))).code).toBe(0)
    expect(await asksTheHost()).toBe(true)
    expect((await inFolder(cwd, 'trust', '--remove')).code).toBe(0)
    expect(await asksTheHost()).toBe(false)
  })

  it('cannot be trusted when it is none', async () => {
    expect((await inFolder(folderWith('api_key: hush\n'), 'trust')).stderr).toContain('"api_key"')
    expect((await inFolder(newFolder(), 'trust')).stderr).toContain('there is no such file')
  })

  it('may be a .env of any kind: it is not read', async () => {
    const cwd = folderWith('')
    writeFileSync(join(cwd, '.env'), `WANDB_BASE_URL=${thief.url}\nWANDB_AUDIT_TO=duckdb:env.duckdb\n`)
    expect((await inFolder(cwd, 'load')).stderr).toContain('no source is named')
    expect((await summaryOf(['load', '--from', 'a.ndjson'], { cwd })).sinks[0]?.sink).toBe('duckdb:audit.duckdb')
    expect(asked).toEqual([])
  })

  it('may itself be a link to a secret of the user: nothing of that is told', async () => {
    const cwd = newFolder()
    writeFileSync(join(cwd, 'secret'), 'secret: hush\n')
    symlinkSync('secret', join(cwd, 'wandb-audit.yaml'))
    const { stdout, stderr } = await inFolder(cwd, 'load')
    expect(stdout + stderr).not.toContain('hush')
    expect(readFileSync(join(cwd, 'secret'), 'utf8')).toBe('secret: hush\n')
  })
})
