/** `check`: what it prints, posts and remembers, and in which order. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { HOSTILE } from '../detections/attacks.js'
import { webhook } from '../support/webhook.js'
import { inDatabase, ndjson, newFolder, run, summaryOf } from './support.js'

const at = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString().replace(/\.\d+Z/, 'Z')

/** Log-ins that were refused, then one that was not, by somebody with a name that means something to others. */
const GUESSED = [
  ...[9, 8, 7, 6, 5, 4].map((n) => ({
    timestamp: at(n * 10),
    action: 'user:login',
    response_code: 401,
    actor_ip: '203.0.113.9',
  })),
  {
    timestamp: at(20),
    action: 'user:login',
    response_code: 200,
    actor_ip: '203.0.113.9',
    actor_user_id: 7,
    actor_email: HOSTILE,
  },
]
const SERVICE = {
  timestamp: at(5),
  action: 'team:create_service_account',
  actor_user_id: 7,
  user_asset: 8,
  entity_name: HOSTILE,
}

const CHECK = ['check', '--detection', 'login_after_refusals', '--detection', 'service_account_created']

async function loaded(): Promise<string> {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'log.ndjson'), ndjson(...GUESSED))
  await summaryOf(['load', '--from', 'log.ndjson'], { cwd })
  return cwd
}

const remembered = async (cwd: string) =>
  inDatabase(join(cwd, 'audit.duckdb'), 'SELECT detection, severity FROM audit_findings ORDER BY ALL')

it('prints a finding once and ends with 4, then with 0; --all prints it again', async () => {
  const cwd = await loaded()
  const first = await run(CHECK, { cwd })
  expect(first).toMatchObject({ code: 4, stderr: '' })
  expect(first.stdout).toMatch(/^duckdb:audit\.duckdb\n/)
  expect(first.stdout).toContain('login_after_refusals')
  expect(await remembered(cwd)).toEqual([['login_after_refusals', 'high']])
  expect(await run(CHECK, { cwd })).toMatchObject({ code: 0, stdout: '' })
  expect(await run([...CHECK, '--all'], { cwd })).toMatchObject({ code: 4, stdout: first.stdout })
  writeFileSync(join(cwd, 'more.ndjson'), ndjson(SERVICE, ...GUESSED))
  await summaryOf(['load', '--from', 'more.ndjson'], { cwd })
  expect(await run([...CHECK, '--severity', 'high'], { cwd })).toMatchObject({ code: 0 })
  const { code, stdout } = await run([...CHECK, '--format', 'ndjson'], { cwd })
  expect(code).toBe(4)
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { detection: 'service_account_created', severity: 'medium', actor: '7', entity: HOSTILE, subject: '8', events: 1 },
  ])
})

it('posts what is new as JSON, and remembers it only when the webhook has taken it', async () => {
  const cwd = await loaded()
  const hook = await webhook()
  hook.status = 404
  const args = [...CHECK, '--webhook', hook.url]
  const refused = await run(args, { cwd })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/could not post findings to http:\/\/127\.0\.0\.1:\d+: it answered 404/)
  expect(refused.stdout + refused.stderr).not.toContain('s3cret')
  expect(await remembered(cwd)).toEqual([])
  hook.status = 200
  expect(await run(args, { cwd })).toMatchObject({ code: 4 })
  expect(await run(args, { cwd })).toMatchObject({ code: 0 })
  // The second one is without values.
  expect(hook.posted).toHaveLength(3)
  expect(JSON.stringify(hook.posted[1])).not.toContain('203.0.113.9')
  expect(hook.posted[2]).toMatchObject({
    application: 'wandb-audit',
    sink: 'duckdb:audit.duckdb',
    findings: [{ detection: 'login_after_refusals', actor: '7', actor_email: HOSTILE, events: 6 }],
  })
})

it('posts messages of Slack in which no name is more than text', async () => {
  const cwd = await loaded()
  const hook = await webhook()
  const env = { WANDB_AUDIT_WEBHOOK: hook.url, WANDB_AUDIT_WEBHOOK_FORM: 'slack' }
  expect(await run(CHECK, { cwd, env })).toMatchObject({ code: 4 })
  const [message] = hook.posted as { text: string; blocks: { type: string; text: { type: string; text: string } }[] }[]
  expect(message?.text).toBe('wandb-audit: 1 finding')
  const texts = message?.blocks.map(({ text }) => text) ?? []
  expect(texts.map(({ type }) => type)).toEqual(['plain_text', 'plain_text'])
  expect(texts[1]?.text).toContain('&lt;!channel&gt; &lt;b&gt;&amp;\\u001b[31m\\u202e')
  expect(JSON.stringify(hook.posted)).not.toMatch(/[<>]/)
})

it('writes OCSF detection findings', async () => {
  const cwd = await loaded()
  const { code, stdout } = await run([...CHECK, '--format', 'ocsf'], { cwd })
  expect(code).toBe(4)
  expect(JSON.parse(stdout)).toMatchObject({
    class_uid: 2004,
    category_uid: 2,
    type_uid: 200401,
    severity_id: 4,
    finding_info: {
      title: 'Log-in after many refused ones',
      uid: expect.stringMatching(/^[0-9a-f]{64}$/),
      analytic: { type_id: 1, uid: 'login_after_refusals' },
      attacks: [{ technique: { uid: 'T1110' } }],
    },
    evidences: [{ actor: { user: { uid: '7', email_addr: HOSTILE } }, src_endpoint: { ip: '203.0.113.9' } }],
    count: 6,
    metadata: { product: { name: 'wandb-audit' } },
  })
})

it('load --check loads, then reports; several sinks with the same events are one alarm', async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'log.ndjson'), ndjson(...GUESSED))
  const hook = await webhook()
  const to = ['--to', 'duckdb:a.duckdb', '--to', 'parquet:lake']
  const env = { WANDB_AUDIT_WEBHOOK: hook.url, WANDB_AUDIT_DETECTIONS: '{silent_source: {enabled: false}}' }
  const { code, stdout } = await run(['load', '--from', 'log.ndjson', ...to, '--check'], { cwd, env })
  expect(code).toBe(4)
  expect(stdout.match(/login_after_refusals/g)).toHaveLength(1)
  expect(stdout).toMatch(/parquet:lake: read 7 = 7 inserted/)
  expect(hook.posted).toHaveLength(1)
  for (const sink of ['duckdb:a.duckdb', 'parquet:lake']) {
    const rows = await run(['query', 'SELECT count(*) AS n FROM audit_findings', '--to', sink, '--format', 'ndjson'], {
      cwd,
    })
    expect(rows.stdout).toBe('{"n":1}\n')
  }
  expect(await run(['load', '--from', 'log.ndjson', ...to, '--check'], { cwd, env })).toMatchObject({ code: 0 })
})

it('refuses an unknown detection, a webhook in plain HTTP, and a time zone that is none', async () => {
  const cwd = await loaded()
  expect(await run(['check', '--detection', 'no_such'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('heavy_artifact_reads'),
  })
  expect(await run(['check', '--webhook', 'http://example.com/s3cret'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('https URL'),
  })
  const env = { WANDB_AUDIT_DETECTIONS: '{admin_outside_hours: {time_zone: Mars/Olympus}}' }
  expect(await run(['check'], { cwd, env })).toMatchObject({ code: 2, stderr: expect.stringContaining('time zone') })
})
