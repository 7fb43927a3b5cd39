/** The built program, with Redshift as its sink. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ndjson, newFolder, run, summaryOf } from '../../cli/support.js'
import { addressOf, newSchema, standIns } from './support.js'

const on = standIns()
const EVENT = { timestamp: '2026-10-01T12:34:56.5Z', action: 'user:unheard_of', run_asset: 7, n: 0.5 }
const LONG = `no event ${'ü'.repeat(40_000)}`
const NUL = 'no\0event'

it('loads, and answers query, status and rejects', async () => {
  const cwd = newFolder()
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' }
  const to = ['--to', addressOf(on, newSchema())]
  writeFileSync(join(cwd, 'a.ndjson'), ndjson(EVENT, LONG, NUL))
  const dry = await run(['load', '--from', 'a.ndjson', '--dry-run', ...to], { cwd, env })
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('a.ndjson') })
  const { sinks } = await summaryOf(['load', '--from', 'a.ndjson', '--max-rejects', '2', ...to], { cwd, env })
  expect(sinks).toEqual([
    {
      sink: 'redshift://main/audit',
      error: null,
      read: 3,
      inserted: 1,
      enriched: 0,
      unchanged: 0,
      rejected: 2,
      conflicts: 0,
    },
  ])

  const asked = await run(['query', 'SELECT "timestamp", extra FROM audit_events', '--format', 'ndjson', ...to], {
    cwd,
    env,
  })
  expect(asked.stderr).toBe('')
  expect(JSON.parse(asked.stdout)).toMatchObject({
    timestamp: '2026-10-01T12:34:56.5Z',
    extra: { run_asset: 7, n: 0.5, _exact: { n: '0.5' } },
  })

  const [status] = JSON.parse(
    (await run(['status', '--days', '36500', '--output', 'json', ...to], { cwd, env })).stdout,
  )
  expect(status).toMatchObject({
    sources: [{ documents: 1 }],
    days: [{ day: '2026-10-01', events: 1, rejects: 0 }, { rejects: 2 }],
    unknown_actions: [{ action: 'user:unheard_of', events: 1 }],
  })
  expect(status.unknown_keys.map(({ key }: { key: string }) => key)).toEqual(['n', 'run_asset'])

  const reconcile = ['reconcile', '--since', '2026-10-01', '--until', '2026-10-02', '--max-rejects', '2', ...to]
  const compared = await run([...reconcile, '--from', 'a.ndjson', '--output', 'json'], { cwd, env })
  expect({ code: compared.code, stderr: compared.stderr }).toMatchObject({ code: 0 })
  const [{ counts }] = JSON.parse(compared.stdout).days
  expect(counts).toEqual([{ events: 1, digest: expect.stringMatching(/^\d+$/) }, counts[0]])
  writeFileSync(join(cwd, 'more.ndjson'), ndjson(EVENT, EVENT))
  const more = await run([...reconcile, '--from', 'more.ndjson'], { cwd, env })
  expect(more).toMatchObject({ code: 4, stdout: expect.stringContaining('1 row only in more.ndjson\n') })

  expect((await run(['rejects', '--format', 'csv', ...to], { cwd, env })).stdout).toMatch(/raw is its base64/)
  const { stdout } = await run(['rejects', '--raw', ...to], { cwd, env })
  expect(stdout).toBe(`${LONG}\n${NUL}\n`)
})

it('answers nothing that would change something', async () => {
  const cwd = newFolder()
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' }
  const to = ['--to', addressOf(on, newSchema())]
  await summaryOf(['load', '--from', '-', ...to], { cwd, env, stdin: ndjson(EVENT) })
  for (const sql of [
    'DELETE FROM audit_events',
    'SELECT 1 AS a INTO copied',
    'WITH a AS (SELECT 1) DELETE FROM audit_events',
  ]) {
    expect(await run(['query', sql, ...to], { cwd, env }), sql).toMatchObject({ code: 1, stdout: '' })
  }
  for (const sql of [
    'SELECT 1; SELECT 2',
    'SELECT 1) AS asked; DELETE FROM audit_events; SELECT 1 FROM (SELECT 1',
    'SELECT 1) AS asked; DELETE FROM audit_events; COMMIT; SELECT 1 FROM (SELECT 1',
  ]) {
    const { code, stderr } = await run(['query', sql, ...to], { cwd, env })
    expect({ code, stderr }, sql).toEqual({ code: 2, stderr: expect.stringContaining('nothing was run') })
  }
  const { stdout } = await run(['query', 'SELECT COUNT(*) AS n FROM audit_events -- all;', '--format', 'csv', ...to], {
    cwd,
    env,
  })
  expect(stdout).toBe('n\r\n1\r\n')
})
