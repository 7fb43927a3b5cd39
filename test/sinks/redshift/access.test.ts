/** Who may do what: the guide's set-up, rights that are missing, sessions, and each kind of place, through the official client. */

import { readFileSync } from 'node:fs'
import {
  BatchExecuteStatementCommand,
  DescribeStatementCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data'
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { redshiftSink } from '../../../sinks/redshift/index.js'
import { loadInto, ndjson, never } from '../../support/load.js'
import { rowsOf } from '../../support/rows.js'
import { openSink } from './open.js'
import { addressOf, newSchema, standIns } from './support.js'

const on = standIns()
const LOADER = 'IAMR:wandb-audit'
const EVENT = ndjson({ timestamp: '2026-10-01T12:34:56Z', action: 'user:login' })
const guide = readFileSync(new URL('../../../docs/redshift.md', import.meta.url), 'utf8')
const setUp = /```sql\n(CREATE USER[\s\S]*?)```/.exec(guide)?.[1] ?? ''

afterEach(() => on.redshift.actAs(null))

async function administer(...Sqls: string[]): Promise<void> {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const client = new RedshiftDataClient({ endpoint: on.redshift.url, region: 'us-east-1', credentials })
  const { Id } = await client.send(new BatchExecuteStatementCommand({ WorkgroupName: 'main', Database: 'audit', Sqls }))
  const { Status, Error: error } = await client.send(new DescribeStatementCommand({ Id, WaitTimeSeconds: 20 }))
  client.destroy()
  expect(error).toBeUndefined()
  expect(Status).toBe('FINISHED')
}

describe("the guide's set-up", () => {
  beforeAll(() =>
    administer(
      ...setUp
        .split(';')
        .map((sql) => sql.trim())
        .filter((sql) => sql !== ''),
    ),
  )

  it('lets a role load that has never logged in, and analysts read', async () => {
    on.redshift.actAs(LOADER)
    const sink = openSink(addressOf(on, 'audit'))
    expect((await loadInto(sink, { a: EVENT })).sinks).toMatchObject([{ inserted: 1 }])
    on.redshift.actAs(null)
    await administer('CREATE USER analyst PASSWORD DISABLE', 'ALTER GROUP analysts ADD USER analyst')
    on.redshift.actAs('analyst')
    expect(await rowsOf(sink, 'SELECT action FROM audit_events')).toEqual([{ action: 'user:login' }])
    await sink.close()
  })

  it('leaves other schemas to be made by whoever may: what is missing is a right on the database', async () => {
    on.redshift.actAs(LOADER)
    const sink = openSink(addressOf(on, newSchema()))
    await expect(sink.prepare()).rejects.toMatchObject({
      message: expect.stringContaining('permission denied for database'),
      advice: expect.stringContaining('CREATE on the database'),
    })
    await sink.close()
  })
})

describe('each kind of place', () => {
  it.each([
    ['serverless', 'main', '', { WorkgroupName: 'main' }],
    [
      'serverless with a secret',
      'main',
      '&secret_arn=arn:aws:secretsmanager:x',
      { WorkgroupName: 'main', SecretArn: 'arn:aws:secretsmanager:x' },
    ],
    ['provisioned with IAM', 'old', '&provisioned=true', { ClusterIdentifier: 'old' }],
    [
      'provisioned with a secret',
      'old',
      '&provisioned=true&secret_arn=arn:aws:secretsmanager:x',
      { ClusterIdentifier: 'old', SecretArn: 'arn:aws:secretsmanager:x' },
    ],
    ['provisioned with db_user', 'old', '&db_user=loader', { ClusterIdentifier: 'old', DbUser: 'loader' }],
  ])(
    '%s: a schema that is not there is made, with prefixed tables, and everything is asked of that place',
    async (_what, holder, more, target) => {
      const schema = newSchema()
      const before = on.redshift.requests.length
      const sink = openSink(addressOf(on, schema, `&table_prefix=w_${more}`).replace('://main/', `://${holder}/`))
      expect(await sink.receipts('test')).toEqual(new Map())
      expect((await loadInto(sink, { a: EVENT })).sinks).toMatchObject([{ inserted: 1 }])
      expect(await rowsOf(sink, 'SELECT action FROM w_audit_events')).toEqual([{ action: 'user:login' }])
      for (const { sql } of await sink.questions.status(36_500)) await sink.query(sql)
      const tables = await on.redshift.execute(
        `SELECT DISTINCT left(relname, 8) FROM pg_class WHERE relnamespace = '${schema}'::regnamespace`,
      )
      expect(tables).toEqual([['w_audit_']])
      const sent = on.redshift.requests.slice(before).filter(({ operation }) => operation === 'BatchExecuteStatement')
      for (const { input } of sent) {
        const { WorkgroupName, ClusterIdentifier, DbUser, SecretArn } = input
        expect(JSON.parse(JSON.stringify({ WorkgroupName, ClusterIdentifier, DbUser, SecretArn }))).toEqual(target)
      }
      await sink.close()
    },
  )

  it('that has nothing yet says so to a query', async () => {
    const sink = openSink(addressOf(on, newSchema()))
    await expect(sink.query('SELECT * FROM audit_events')).rejects.toMatchObject({
      advice: expect.stringContaining('Load something first'),
    })
    await sink.close()
  })
})

it('tables of an earlier version get the lock and its one row, keep their types, and take loads', async () => {
  const schema = newSchema()
  const sink = openSink(addressOf(on, schema))
  await sink.prepare()
  await on.redshift.execute(`DROP TABLE ${schema}.audit_lock`)
  await on.redshift.execute(`COMMENT ON TABLE ${schema}.audit_actions IS NULL`)
  for (const view of ['audit_events_masked', 'audit_events_ocsf'])
    await on.redshift.execute(`DROP VIEW ${schema}.${view}`)
  await on.redshift.execute(`ALTER TABLE ${schema}.audit_events ALTER COLUMN cli_version TYPE VARCHAR(65535)`)
  expect((await loadInto(sink, { a: EVENT })).sinks).toMatchObject([{ inserted: 1 }])
  expect(await on.redshift.execute(`SELECT COUNT(*) FROM ${schema}.audit_lock`)).toEqual([['1']])
  const type = `SELECT character_maximum_length FROM information_schema.columns WHERE table_schema = '${schema}' AND table_name = 'audit_events' AND column_name = 'cli_version'`
  expect(await on.redshift.execute(type)).toEqual([['65535']])
  await sink.close()
})

describe('temporary credentials', () => {
  it.each([
    ['without a name for its sessions is warned of', {}, 1],
    ['with one is not', { AWS_ROLE_SESSION_NAME: 'wandb-audit' }, 0],
  ])('of a web identity %s', async (_what, env, notices) => {
    const noticed: string[] = []
    onTestFinished(() => {
      delete process.env.AWS_WEB_IDENTITY_TOKEN_FILE
      delete process.env.AWS_ROLE_SESSION_NAME
    })
    Object.assign(process.env, { AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere', ...env })
    const sink = redshiftSink(addressOf(on, newSchema()), { signal: never, onNotice: (text) => noticed.push(text) })
    await sink.prepare()
    expect(noticed).toEqual(Array(notices).fill(expect.stringContaining('AWS_ROLE_SESSION_NAME')))
    await sink.close()
  })

  it('that are renewed under another session name: it is said which variable keeps the name', async () => {
    const sink = openSink(addressOf(on, newSchema()))
    onTestFinished(() => {
      on.redshift.onEffect = () => {}
      delete process.env.AWS_SESSION_TOKEN
      delete process.env.AWS_CREDENTIAL_EXPIRATION
    })
    let sessions = 0
    // About to expire, so the client asks for them at each request.
    process.env.AWS_CREDENTIAL_EXPIRATION = new Date(Date.now() + 60_000).toISOString()
    process.env.AWS_SESSION_TOKEN = 'session-0'
    on.redshift.onEffect = (operation) => {
      if (operation === 'BatchExecuteStatement') process.env.AWS_SESSION_TOKEN = `session-${++sessions}`
    }
    await expect(sink.receipts('test')).rejects.toMatchObject({
      advice: expect.stringContaining('AWS_ROLE_SESSION_NAME'),
      retryable: false,
    })
    await sink.close()
  })
})
