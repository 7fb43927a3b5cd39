/** Whatever a command is waiting for, a signal ends it, and nothing it made for the time being stays. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Listening, listen } from '../../src/demo/listening.js'
import { holdFile, letGo } from '../support/hold.js'
import { ndjson, newFolder, runProgram, spoolsOf, start, summaryOf } from './support.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }
const LOGINS = {
  WANDB_API_KEY: 'key',
  AZURE_STORAGE_KEY: Buffer.from('key').toString('base64'),
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'secret',
}
const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const

describe('a server that never answers', () => {
  let silent: Listening
  let asked: () => void = () => {}
  beforeAll(async () => {
    silent = await listen(async () => asked())
  })
  afterAll(() => silent.close())

  const lake = (): string => `parquet+s3://bucket/x?endpoint=${silent.url}`
  const CASES = [
    { what: 'load from the API', args: () => ['load', '--from', silent.url] },
    { what: 'backfill from the API', args: () => ['backfill', '--days', '1', '--from', silent.url] },
    { what: 'load --every', args: () => ['load', '--every', '1s', '--from', silent.url] },
    { what: 'load --dry-run', args: () => ['load', '--dry-run', '--from', silent.url] },
    { what: 'load from S3', args: () => ['load', '--from', `s3://bucket?endpoint=${silent.url}`] },
    { what: 'load from Google', args: () => ['load', '--from', `gs://bucket?endpoint=${silent.url}`] },
    { what: 'load from Azure', args: () => ['load', '--from', `az://account/x?endpoint=${silent.url}`] },
    { what: 'load into a lake', args: () => ['load', '--from', 'a.ndjson', '--to', lake()] },
    { what: 'status', args: () => ['status', '--to', lake()] },
    { what: 'query', args: () => ['query', 'FROM audit_events', '--to', lake()] },
    { what: 'rejects', args: () => ['rejects', '--to', lake()] },
  ]
  it.each(CASES.map((one, i) => ({ ...one, signal: SIGNALS[i % SIGNALS.length] as 'SIGTERM' })))(
    'keeps $what from ending at no signal ($signal)',
    async ({ args, signal }) => {
      const cwd = newFolder()
      writeFileSync(join(cwd, 'a.ndjson'), ndjson(EVENT))
      const reached = new Promise<void>((resolve) => {
        asked = resolve
      })
      const { child, result } = start(args(), { cwd, env: LOGINS })
      await reached
      child.kill(signal)
      const { code } = await result
      expect([130, null]).toContain(code)
      expect(spoolsOf(cwd)).toEqual([])
    },
  )
})

describe('a signal', () => {
  it.each(['status', 'rejects', 'query'])('ends %s while another process holds the file', async (command) => {
    const cwd = newFolder()
    const holder = await holdFile(join(cwd, 'audit.duckdb'), 'CREATE TABLE theirs (i INTEGER)')
    const { child, result, written } = start(command === 'query' ? [command, 'SELECT 1'] : [command], { cwd })
    await written(/waiting for the DuckDB file/)
    child.kill('SIGTERM')
    await result
    expect(child.signalCode).toBe('SIGTERM')
    expect(spoolsOf(cwd)).toEqual([])
    await letGo(holder)
  })

  it.each(SIGNALS)('(%s) ends a query whose statement would take days', async (signal) => {
    const cwd = newFolder()
    await summaryOf(['load', '--from', '-'], { cwd, stdin: ndjson(EVENT) })
    const endless = 'SELECT 1 AS a UNION ALL SELECT count(*) FROM range(1000000000000) t(i) WHERE sqrt(i) % 7 = 3'
    const { child, result, written } = start(['query', endless, '--format', 'ndjson'], { cwd })
    await Promise.race([written(/\{"a":1\}/), spoolMade(cwd)])
    child.kill(signal)
    await result
    expect(child.signalCode).toBe(signal)
    expect(spoolsOf(cwd)).toEqual([])
  })

  it('leaves nothing of a command that ends by an error', async () => {
    const cwd = newFolder()
    await runProgram(['query', 'SELECT 1', '--to', 'duckdb:none.duckdb'], { cwd })
    await runProgram(['query', 'SELECT x', '--to', 'parquet:none', '--format', 'parquet'], { cwd })
    expect(spoolsOf(cwd)).toEqual([])
  })
})

/** The query's folder is made just before it asks. */
async function spoolMade(cwd: string): Promise<void> {
  while (spoolsOf(cwd).length === 0) await new Promise((resolve) => setImmediate(resolve))
}
