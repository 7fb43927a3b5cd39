/** Where the login to Google Cloud comes from, and where it goes. */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AuditError } from '../../src/errors.js'
import { gcsLogin } from '../../src/stores/gcs/login.js'
import { gcsStore } from '../../src/stores/gcs.js'
import { startGcs } from '../emulators/gcs.js'
import { never, newFolder } from '../support/load.js'
import { AT_ONCE } from './gcs-place.js'

/** A token service, as workload identity federation uses it. */
let tokens: Server
let answer: { status: number; body: object }
beforeEach(async () => {
  answer = { status: 200, body: { access_token: 'token-of-the-test', token_type: 'Bearer', expires_in: 3600 } }
  tokens = createServer((_, response) => {
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
  }).listen(0, '127.0.0.1')
  await once(tokens, 'listening')
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none')
  vi.stubEnv('CLOUDSDK_CONFIG', newFolder())
  vi.stubEnv('HOME', newFolder())
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '')
  // Otherwise the client asks Google for it.
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'local')
})
afterEach(() => {
  vi.unstubAllEnvs()
  tokens.close()
})

function federated(): void {
  const folder = newFolder()
  writeFileSync(join(folder, 'subject'), 'subject-token')
  const credentials = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`,
    credential_source: { file: join(folder, 'subject') },
  }
  file(JSON.stringify(credentials))
}

function file(text: string): void {
  const path = join(newFolder(), 'credentials.json')
  writeFileSync(path, text)
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', path)
}

const headersOf = (endpoint: string, isGoogle = false): Promise<Readonly<Record<string, string>>> =>
  gcsLogin(new URL(endpoint), isGoogle).headers()

const failureOf = (endpoint: string, isGoogle: boolean): Promise<AuditError> =>
  headersOf(endpoint, isGoogle).then(
    () => Promise.reject(new Error('it did not fail')),
    (error: AuditError) => error,
  )

describe('a login', () => {
  it('that was found goes with every request', async () => {
    federated()
    const server = await startGcs({ buckets: ['logs'], authorization: 'Bearer token-of-the-test' })
    const store = gcsStore({ bucket: 'logs', endpoint: server.url, retryPolicy: AT_ONCE })
    expect(await store.write('a', Buffer.from('content'), 'absent', never)).not.toBeNull()
    expect(await store.find('a', never)).not.toBeNull()
    expect(server.requests.map(({ authorized }) => authorized)).toEqual([true, true])
    await store.close()
    await server.close()
  })

  it('goes over https, and over plain http to this machine alone', async () => {
    federated()
    for (const endpoint of ['https://storage.example', 'http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1']) {
      expect(await headersOf(endpoint)).toMatchObject({ authorization: 'Bearer token-of-the-test' })
    }
    for (const endpoint of ['http://storage.example', 'http://localhost.example', 'http://127.0.0.1.example']) {
      expect(await headersOf(endpoint)).toEqual({})
    }
  })

  it('goes through the proxy of the environment, and to this machine without one', async () => {
    const proxy = createServer().listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const asked: string[] = []
    proxy.on('connect', ({ url }, socket) => {
      asked.push(String(url))
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    })
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy']) {
      vi.stubEnv(name, `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
    }
    const far = gcsStore({
      bucket: 'logs',
      endpoint: 'https://storage.example',
      retryPolicy: { retries: 0, pauseMs: 1 },
    })
    await expect(far.find('a', never)).rejects.toThrow(/^could not look up gs:\/\/logs\/a: /)
    expect(asked).toEqual(['storage.example:443'])
    const server = await startGcs({ buckets: ['logs'] })
    const near = gcsStore({ bucket: 'logs', endpoint: server.url, retryPolicy: AT_ONCE })
    expect(await near.find('a', never)).toBeNull()
    for (const each of [far, near, server]) await each.close()
    proxy.close()
  })

  it('need not be there for another server, but for Google', async () => {
    expect(await headersOf('https://storage.example')).toEqual({})
    const failure = await failureOf('https://storage.googleapis.com', true)
    expect(failure).toMatchObject({ message: 'no login for Google Cloud was found', exitCode: 2 })
    expect(failure.advice).toContain('gcloud auth application-default login')
  })

  it('that has expired is told as that, without what the service said', async () => {
    federated()
    answer = { status: 400, body: { error: 'invalid_grant', error_description: 'subject-token expired' } }
    const failure = await failureOf('https://storage.googleapis.com', true)
    expect(failure.message).toBe('the login for Google Cloud has expired or was revoked')
    expect(JSON.stringify([failure, failure.advice, failure.cause])).not.toContain('subject-token')
  })

  it.each(['{"type": "service_account", "private_key": "secr', '{"type":"nonsense"}', '{}'])(
    'in a file that is none (%#) is told, and nothing of the file',
    async (text) => {
      file(text)
      const failure = await failureOf('https://storage.googleapis.com', true)
      expect(failure).toMatchObject({ message: 'the credentials file for Google Cloud cannot be used', exitCode: 2 })
      expect(`${failure.advice}${failure.cause}`).not.toMatch(/secr|nonsense/)
    },
  )

  it('in a file that is not there is told', async () => {
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', join(newFolder(), 'missing.json'))
    expect(await failureOf('https://storage.googleapis.com', true)).toMatchObject({ exitCode: 2 })
  })
})
