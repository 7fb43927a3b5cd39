import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apiAddress } from '../../../src/extract/api/address.js'
import { credentials, netrcPassword } from '../../../src/extract/api/credentials.js'
import { rejection } from './support.js'

const URL_ = 'https://acme.wandb.io'

describe('the login', () => {
  let folder = ''
  let netrcPath = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'netrc-'))
    netrcPath = join(folder, '.netrc')
    await writeFile(netrcPath, 'machine acme.wandb.io\n  login user\n  password key-from-file\n')
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('is WANDB_API_KEY before anything else', async () => {
    const env = { WANDB_API_KEY: ' key-from-environment\n' }
    expect(await credentials(URL_, { env, netrcPath })).toEqual({ username: 'api', key: 'key-from-environment' })
  })

  test('is the host’s entry in ~/.netrc, or in the file NETRC names', async () => {
    const found = { username: 'ada', key: 'key-from-file' }
    expect(await credentials(URL_, { username: 'ada', env: {}, netrcPath })).toEqual(found)
    expect(await credentials(URL_, { username: 'ada', env: { NETRC: netrcPath } })).toEqual(found)
    expect(await credentials(`${URL_}:8443/`, { username: 'ada', env: { HOME: folder } })).toEqual(found)
  })

  test('that is missing says where to put it', async () => {
    const error = await rejection(credentials('https://other.example', { env: { HOME: folder } }))
    expect(error.message).toBe('no API key for other.example')
    expect(error.advice).toContain('WANDB_API_KEY')
    expect(error.exitCode).toBe(2)
  })

  test('for what is no address is not looked for', async () => {
    expect((await rejection(credentials('acme', { env: {}, netrcPath }))).exitCode).toBe(2)
  })

  test('with a colon in the username is refused', async () => {
    expect((await rejection(credentials(URL_, { username: 'a:b', env: {}, netrcPath }))).exitCode).toBe(2)
  })
})

describe('netrc', () => {
  test.each([
    ['on one line', 'machine h login l password p', 'p'],
    ['in any order', 'machine h password p login l', 'p'],
    ['of another host', 'machine g login l password p', undefined],
    ['by default', 'machine g password q\ndefault login l password p', 'p'],
    ['whose login is called machine', 'machine h login machine password p', 'p'],
    ['after a comment', '# machine h password q\nmachine h password p', 'p'],
    ['after a macro', 'macdef init\nmachine h password q\n\nmachine h password p', 'p'],
    ['twice: the first', 'machine h password p\nmachine h password q', 'p'],
    ['in an empty file', '', undefined],
  ])('an entry %s', (_, text, expected) => expect(netrcPassword(text, 'h')).toBe(expected))
})

describe('the address', () => {
  test.each([
    ['https://acme.wandb.io', 'https://acme.wandb.io/admin/audit_logs'],
    ['https://acme.wandb.io/', 'https://acme.wandb.io/admin/audit_logs'],
    ['https://acme.wandb.io/admin/audit_logs', 'https://acme.wandb.io/admin/audit_logs'],
    ['https://example.com/wandb/', 'https://example.com/wandb/admin/audit_logs'],
    ['https://API.wandb.ai', 'https://api.wandb.ai/audit_logs'],
    ['http://localhost:8080', 'http://localhost:8080/admin/audit_logs'],
    ['http://[::1]:8080', 'http://[::1]:8080/admin/audit_logs'],
  ])('%s', (base, endpoint) => expect(apiAddress(base, null, false).endpoint).toBe(endpoint))

  test.each([
    ['plain http to another machine', 'http://acme.example'],
    ['a name that only begins like this machine', 'http://127.0.0.1.example.com'],
    ['a login', 'https://user:s3cret@acme.wandb.io'],
    ['a query', 'https://acme.wandb.io?key=s3cret'],
    ['another scheme', 'ftp://acme.wandb.io'],
    ['no URL', 'acme s3cret'],
  ])('with %s is refused, and not repeated', (_, base) => {
    expect(() => apiAddress(base, null, false)).toThrow(/^(?!.*s3cret)/)
  })

  test('may be plain http when the operator says so', () => {
    expect(apiAddress('http://acme.example', null, true).base).toBe('http://acme.example')
  })
})
