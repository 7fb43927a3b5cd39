import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apiAddress } from '../../../src/sources/api/address.js'
import { type CredentialOptions, type Credentials, credentials } from '../../../src/sources/api/credentials.js'
import { rejection } from './support.js'

const URL_ = 'https://acme.wandb.io'

/** What was found, and what was warned of. */
async function found(
  url: string,
  options: Omit<CredentialOptions, 'onWarning'>,
): Promise<Credentials & { warnings: string[] }> {
  const warnings: string[] = []
  return { ...(await credentials(url, { ...options, onWarning: (text) => warnings.push(text) })), warnings }
}

describe('the login', () => {
  let folder = ''
  let netrcPath = ''
  const ada = { username: 'ada', key: 'key-from-file', warnings: [] }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'netrc-'))
    netrcPath = join(folder, '.netrc')
    await writeFile(netrcPath, 'machine acme.wandb.io\n  login user\n  password key-from-file\n', { mode: 0o600 })
  })
  afterAll(() => rm(folder, { recursive: true }))

  const netrc = async (content: string | Uint8Array): Promise<string> => {
    const path = join(folder, 'netrc')
    await writeFile(path, content, { mode: 0o600 })
    return path
  }
  const keyIn = async (content: string | Uint8Array, url = URL_): Promise<string> =>
    (await found(url, { env: {}, netrcPath: await netrc(content) })).key

  test('is WANDB_API_KEY before anything else', async () => {
    const env = { WANDB_API_KEY: ' key-from-environment\n' }
    expect(await found(URL_, { env, netrcPath })).toMatchObject({ username: 'api', key: 'key-from-environment' })
  })

  test('is the host’s entry in ~/.netrc, or in the file NETRC names', async () => {
    expect(await found(URL_, { username: 'ada', env: {}, netrcPath })).toEqual(ada)
    expect(await found(URL_, { username: 'ada', env: { NETRC: netrcPath } })).toEqual(ada)
    expect(await found(URL_, { username: 'ada', env: { NETRC: '~/.netrc', HOME: folder } })).toEqual(ada)
    expect(await found(`${URL_}:8443/`, { username: 'ada', env: { HOME: folder } })).toEqual(ada)
  })

  test('is the host’s entry with the port, where there is one, else that without, else the default', async () => {
    const entries = 'machine h:81 password a\nmachine h password b\nmachine ::1 password c\ndefault password d\n'
    expect(await keyIn(entries, 'https://h:81')).toBe('a')
    expect(await keyIn(entries, 'https://h:82')).toBe('b')
    expect(await keyIn(entries, 'https://[::1]:83')).toBe('c')
    expect(await keyIn(entries, 'https://g')).toBe('d')
  })

  test('is not the default’s where the host’s own entry has no password', async () => {
    const error = await rejection(keyIn('machine acme.wandb.io login user\ndefault password d\n'))
    expect(error.message).toBe('no API key for acme.wandb.io')
  })

  test('is found in a file whose comments are in another encoding', async () => {
    const latin1 = Buffer.from('machine acme.wandb.io # für CI\n password p\n', 'latin1')
    expect(await keyIn(latin1)).toBe('p')
  })

  test.each([0o640, 0o604, 0o620, 0o602])('is warned of where its file has the mode %o', async (mode) => {
    const path = await netrc('machine acme.wandb.io password p\n')
    await chmod(path, mode)
    const { key, warnings } = await found(URL_, { env: {}, netrcPath: path })
    expect(key).toBe('p')
    expect(warnings).toEqual([expect.stringContaining('other users')])
    expect(warnings[0]).toContain(path)
  })

  test('in a file that is none is not found: the line is told, and nothing of it', async () => {
    const error = await rejection(keyIn('machine acme.wandb.io\n  pasword s3cret\n'))
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining('line 2') })
    expect(error.message).not.toMatch(/s3cret|pasword/)
  })

  test('is not waited for in a pipe that nobody writes to', async () => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    const error = await rejection(found(URL_, { env: { NETRC: path } }))
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining('is a pipe') })
  })

  test('that is missing says where to put it', async () => {
    const error = await rejection(found('https://other.example', { env: { HOME: folder } }))
    expect(error.message).toBe('no API key for other.example')
    expect(error.advice).toContain('WANDB_API_KEY')
    expect(error.exitCode).toBe(2)
  })

  test('for what is no address is not looked for', async () => {
    expect((await rejection(found('acme', { env: {}, netrcPath }))).exitCode).toBe(2)
  })

  test('with a colon in the username is refused', async () => {
    expect((await rejection(found(URL_, { username: 'a:b', env: {}, netrcPath }))).exitCode).toBe(2)
  })
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
