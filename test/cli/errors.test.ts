/**
 * The errors a run can end with, each by an input that causes it: who, what, and what to do next. What a vendor's cloud refuses
 * stands beside the vendor's own tests (test/stores, test/sinks).
 */

import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, certificateFor } from '../support/certificate.js'
import { inDatabase, ndjson, newFolder, run, runProgram, summaryOf } from './support.js'

const cwd = newFolder()
const at = (name: string): string => join(cwd, name)
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_email: 'planted@example.com' }

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) server.close()
})

async function portOf(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

type Answer = {
  readonly status?: number
  readonly body?: string | Uint8Array
  readonly headers?: Record<string, string>
}

const answering =
  ({ status = 200, body = '', headers = {} }: Answer): RequestListener =>
  (_, response) =>
    void response.writeHead(status, headers).end(body)

const page = JSON.stringify({ audit_logs: [EVENT], count: 1, next_cursor: null })
const html = '<!doctype html><title>Sign in</title>'

/** Each with what it answers to everything. */
const APIS: readonly (readonly [what: string, Answer, says: RegExp, advice: RegExp])[] = [
  ['204', { status: 204 }, /admin\/audit_logs answered 204$/m, /no proxy answers in place/],
  ['203', { status: 203, body: page }, /answered 203$/m, /any proxy in between/],
  [
    '400 of several organizations',
    { status: 400, body: 'multiple organizations but no valid org ID' },
    /cannot tell which organization/,
    /Default API organization/,
  ],
  ['401', { status: 401 }, /answered 401$/m, /The API key is not accepted: check WANDB_API_KEY/],
  ['403', { status: 403 }, /answered 403$/m, /instance admin/],
  ['404', { status: 404 }, /answered 404$/m, /Use the URL you open your W&B instance with/],
  ['407', { status: 407 }, /answered 407$/m, /A proxy in between asks for a login/],
  [
    'a redirect',
    { status: 302, headers: { location: 'http://login.example/' } },
    /redirects to http:\/\/login\.example; the API key was not sent/,
    /name it with --from/,
  ],
  ['an empty list', { body: '[]' }, /answered with a list, and no page of audit logs/, /Check the URL/],
  ['a list', { body: `[${JSON.stringify(EVENT)}]` }, /answered with a list/, /Check the URL/],
  ['text', { body: 'planted' }, /answered with something other than JSON/, /Check the URL/],
  ['a web page', { body: html }, /answered with a web page/, /login page or a proxy/],
  [
    'gzip unasked',
    { body: gzipSync(page), headers: { 'content-encoding': 'gzip' } },
    /answered with gzip, which was not requested/,
    /turn that off/,
  ],
  ['a long pause', { status: 429, headers: { 'retry-after': '7200' } }, /answered 429$/m, /wait 120 minutes/],
]

/** Of https servers, with the authority that the run trusts. */
const DAY = 86_400_000
const valid = [new Date(Date.now() - DAY), new Date(Date.now() + DAY)] as const
const certificates: Readonly<Record<string, Certificate>> = {
  'other-host': certificateFor(['other.example'], ...valid),
  expired: certificateFor(['localhost'], new Date('2020-01-01'), new Date('2021-01-01')),
  'not-yet': certificateFor(['localhost'], new Date(Date.now() + DAY), new Date(Date.now() + 2 * DAY)),
  unknown: certificateFor(['localhost'], ...valid),
}
const TLS: readonly (readonly [name: string, trusted: boolean, says: RegExp, advice: RegExp])[] = [
  [
    'other-host',
    true,
    /localhost:\d+: the certificate is for another host \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
    /a name that the certificate contains/,
  ],
  ['expired', true, /the certificate has expired \(CERT_HAS_EXPIRED\)/, /renew it; check the clock/],
  ['not-yet', true, /the certificate is not valid yet/, /clock of this machine/],
  ['unknown', false, /the certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/, /NODE_EXTRA_CA_CERTS/],
]

interface Row {
  readonly what: string
  readonly args: readonly string[]
  readonly code?: number
  readonly says: RegExp
  readonly advice?: RegExp
}

const load = (...args: string[]): string[] => ['load', '--from', 'a.ndjson', ...args]
const query = (sql: string, to = 'duckdb:good.duckdb'): string[] => ['query', sql, '--to', to]

const FILES: readonly Row[] = [
  { what: 'no source', args: ['load'], code: 2, says: /source/, advice: /--from/ },
  {
    what: 'a source that is missing',
    args: ['load', '--from', 'missing.ndjson'],
    says: /missing\.ndjson/,
    advice: /./,
  },
  {
    what: 'an unknown scheme of a sink',
    args: load('--to', 'mysql://host/db'),
    code: 2,
    says: /sink/,
    advice: /duckdb:/,
  },
  { what: 'a gzip file that is cut', args: ['load', '--from', 'cut.gz'], says: /cut\.gz/, advice: /./ },
  {
    what: 'a page that breaks off',
    args: ['load', '--from', 'page.json'],
    says: /breaks off/,
    advice: /Fetch or save it again/,
  },
  {
    what: 'an open line of more than --max-rejects',
    args: ['load', '--from', 'bad.ndjson', '--max-rejects', '0'],
    code: 3,
    says: /1 reject, more than --max-rejects 0/,
  },
  {
    what: 'a sink in a folder that is missing',
    args: load('--to', 'duckdb:none/a.duckdb'),
    says: /there is no folder/,
    advice: /Create it first/,
  },
  {
    what: 'a sink that is a folder',
    args: load('--to', 'duckdb:folder'),
    says: /duckdb:folder is a folder/,
    advice: /--to/,
  },
  {
    what: 'a sink that is SQLite',
    args: load('--to', 'duckdb:sqlite.db'),
    says: /duckdb:sqlite\.db is an SQLite database/,
    advice: /--to/,
  },
  {
    what: 'a sink that is empty',
    args: load('--to', 'duckdb:empty.db'),
    says: /the file is empty/,
    advice: /Remove it/,
  },
  {
    what: 'a sink that is damaged',
    args: load('--to', 'duckdb:damaged.duckdb'),
    says: /the file is damaged/,
    advice: /Restore it from a backup/,
  },
  {
    what: 'a spool that is missing',
    args: load('--spool', 'none'),
    code: 2,
    says: /no temporary folder can be created in none: ENOENT/,
    advice: /--spool/,
  },
  {
    what: 'a question before anything is loaded',
    args: query('SELECT 1', 'duckdb:new.duckdb'),
    says: /the file does not exist yet/,
    advice: /Load something first/,
  },
  {
    what: 'a question to a lake that is not there',
    args: query('SELECT 1', 'parquet:nowhere'),
    says: /there is no lake yet/,
    advice: /Load something first/,
  },
  {
    what: 'a cast that cannot be',
    args: query('SELECT actor_email::INTEGER FROM audit_events'),
    says: /duckdb:good\.duckdb: Conversion Error$/m,
    advice: /try_cast/,
  },
  {
    what: 'a number too large',
    args: query('SELECT 9223372036854775807::BIGINT + 1::BIGINT'),
    says: /Out of Range Error$/m,
    advice: /too large for its type/,
  },
  {
    what: 'a function that refuses a value',
    args: query('SELECT error(actor_email) FROM audit_events'),
    says: /Invalid Input Error$/m,
    advice: /cannot take a value/,
  },
  { what: 'no SQL', args: query('SELEC 1'), says: /syntax error at or near "SELEC"/ },
  { what: 'a column that is not there', args: query('SELECT nothing FROM audit_events'), says: /"nothing" not found/ },
  { what: 'no command', args: ['lod'], code: 2, says: /unknown command 'lod'/ },
  {
    what: 'no days',
    args: ['backfill', '--from', 'a.ndjson'],
    code: 2,
    says: /needs either --days or --since/,
    advice: /--days 30/,
  },
]

beforeAll(async () => {
  writeFileSync(at('a.ndjson'), ndjson(EVENT))
  writeFileSync(at('bad.ndjson'), ndjson(EVENT, '{cut'))
  writeFileSync(at('cut.gz'), gzipSync(ndjson(EVENT, EVENT)).subarray(0, 40))
  writeFileSync(at('page.json'), page.slice(0, 60))
  writeFileSync(at('sqlite.db'), `SQLite format 3\0${'\0'.repeat(100)}`)
  writeFileSync(at('empty.db'), '')
  mkdirSync(at('folder'))
  await inDatabase(at('damaged.duckdb'), 'CREATE TABLE t AS FROM range(1000)')
  truncateSync(at('damaged.duckdb'), 9000)
  await summaryOf(load('--to', 'duckdb:good.duckdb'), { cwd })
  for (const [name, { cert }] of Object.entries(certificates)) writeFileSync(at(`${name}.pem`), cert)
})

/** The last error of a run: its line, and the advice below it. */
async function ended(args: readonly string[], env: Readonly<Record<string, string>> = {}, how = run) {
  const { code, stderr } = await how([...args, '--quiet'], { cwd, env })
  expect(stderr).not.toMatch(/unexpected|undefined|planted|node:|\bat .*:\d+/)
  return { code, stderr }
}

const fromApi = (url: string, env = {}, how = run) =>
  ended(['load', '--from', url, '--to', 'duckdb:api.duckdb'], { WANDB_API_KEY: 'planted-key', ...env }, how)

describe('a run with', () => {
  it.each(FILES)('$what', async ({ args, code = 1, says, advice }) => {
    const result = await ended(args)
    expect(result.stderr).toMatch(says)
    if (advice !== undefined) expect(result.stderr).toMatch(advice)
    expect(result.code).toBe(code)
  })
})

describe('an API that answers with', () => {
  it.each(APIS)('%s', async (_, answer, says, advice) => {
    const { code, stderr } = await fromApi(`http://127.0.0.1:${await portOf(createHttpServer(answering(answer)))}`)
    expect(stderr).toMatch(says)
    expect(stderr).toMatch(advice)
    expect(code).toBe(1)
  })

  it('something other than HTTP, at once', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.end('SSH-2.0-OpenSSH_9\r\n')
    })
    const { code, stderr } = await fromApi(`http://127.0.0.1:${await portOf(server)}`)
    expect(stderr).toMatch(/^wandb-audit: 127\.0\.0\.1:\d+: the port does not speak HTTP\n {2}Check host, port/)
    expect(code).toBe(1)
  })

  it('http where https is asked for, at once', async () => {
    const { stderr } = await fromApi(`https://127.0.0.1:${await portOf(createHttpServer(answering({ body: page })))}`)
    expect(stderr).toMatch(/the port does not speak https\n {2}Check the port/)
  })
})

it.each(TLS)('a certificate that is %s (authority known: %s)', async (name, trusted, says, advice) => {
  const server = createHttpsServer({ ...certificates[name] }, answering({ body: page }))
  const env = trusted ? { NODE_EXTRA_CA_CERTS: at(`${name}.pem`) } : {}
  const { code, stderr } = await fromApi(`https://localhost:${await portOf(server)}`, env, runProgram)
  expect(stderr).toMatch(says)
  expect(stderr).toMatch(advice)
  if (trusted) expect(stderr).not.toContain('NODE_EXTRA_CA_CERTS')
  expect(code).toBe(1)
})

describe('a lake with a damaged file', () => {
  const DAMAGES: readonly (readonly [how: string, (bytes: Buffer) => Uint8Array])[] = [
    ['cut', (bytes) => bytes.subarray(0, 100)],
    ['emptied', () => new Uint8Array()],
    ['written over', () => Buffer.from('no Parquet file, whatever its name says')],
    ['spoilt inside', (bytes) => Buffer.from(bytes).fill(0x5a, 4, 60)],
  ]

  it.each(DAMAGES)('that was %s: names it, in a load and in a question', async (how, damage) => {
    const lake = `parquet:lake-${how.replace(' ', '-')}`
    await summaryOf(load('--to', lake), { cwd })
    const folder = join(at(lake.slice('parquet:'.length)), 'audit_events/event_date=2026-10-01')
    expect(readdirSync(folder)).toEqual(['events-00000001.parquet'])
    const file = join(folder, 'events-00000001.parquet')
    writeFileSync(file, damage(readFileSync(file)))

    const named = /audit_events\/event_date=2026-10-01\/events-00000001\.parquet is damaged, or not a Parquet file/
    const loaded = await ended(['load', '--from', 'bad.ndjson', '--to', lake])
    expect(loaded.stderr).toMatch(named)
    expect(loaded.stderr).toMatch(/Restore it from a backup or an earlier object version/)
    expect(loaded.code).toBe(1)
    const asked = await ended(query('FROM audit_events', lake))
    // Of some faults inside, DuckDB does not say which file has them.
    if (how !== 'spoilt inside') expect(asked.stderr).toMatch(named)
    expect(asked.stderr).toMatch(/is damaged/)
    expect(asked.code).toBe(1)
  })
})
