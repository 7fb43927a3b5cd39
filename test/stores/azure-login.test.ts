/** Where the login to Azure comes from, and where it goes. */

import { AuthenticationRequiredError, CredentialUnavailableError, DefaultAzureCredential } from '@azure/identity'
import { RestError, StorageSharedKeyCredential } from '@azure/storage-blob'
import { describe, expect, it } from 'vitest'
import { AuditError } from '../../src/errors.js'
import { azureFailure } from '../../src/stores/azure/failures.js'
import { type AzureLogin, azureLogin } from '../../src/stores/azure/login.js'

const KEY = Buffer.from('a key').toString('base64')
const CONNECTION = `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${KEY};EndpointSuffix=core.windows.net`

const login = (env: Record<string, string>, endpoint?: string): AzureLogin =>
  azureLogin({ account: 'acme', endpoint, env })

const thrownBy = (work: () => unknown): AuditError => {
  try {
    work()
  } catch (error) {
    if (error instanceof AuditError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe('a login', () => {
  it('is the one of the connection string, at its own place', () => {
    const { url, sas, credential } = login({ AZURE_STORAGE_CONNECTION_STRING: CONNECTION })
    expect([url, sas]).toEqual(['https://acme.blob.core.windows.net', ''])
    expect(credential).toBeInstanceOf(StorageSharedKeyCredential)
  })

  it('goes where the endpoint says, when there is one', () => {
    const env = { AZURE_STORAGE_CONNECTION_STRING: CONNECTION }
    expect(login(env, 'https://acme.blob.core.chinacloudapi.cn/').url).toBe('https://acme.blob.core.chinacloudapi.cn')
  })

  it.each(['core.chinacloudapi.cn', 'core.usgovcloudapi.net'])('goes to a sovereign cloud: %s', (suffix) => {
    const text = CONNECTION.replace('core.windows.net', suffix)
    expect(login({ AZURE_STORAGE_CONNECTION_STRING: text }).url).toBe(`https://acme.blob.${suffix}`)
  })

  it("is known for its own behind a domain of one's own", () => {
    const text = `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${KEY};BlobEndpoint=https://blobs.acme.example`
    expect(login({ AZURE_STORAGE_CONNECTION_STRING: text }).url).toBe('https://blobs.acme.example')
  })

  it('may be a SAS, alone or in a connection string', () => {
    const text = 'BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=2'
    expect(login({ AZURE_STORAGE_CONNECTION_STRING: text }).sas).toBe('sv=1&sig=2')
    expect(login({ AZURE_STORAGE_SAS_TOKEN: '?sv=1&sig=2' }).sas).toBe('sv=1&sig=2')
  })

  it('of another account is passed over', () => {
    const others = [
      { AZURE_STORAGE_CONNECTION_STRING: CONNECTION.replace('acme', 'other') },
      { AZURE_STORAGE_ACCOUNT: 'other', AZURE_STORAGE_KEY: KEY },
      { AZURE_STORAGE_ACCOUNT: 'other', AZURE_STORAGE_SAS_TOKEN: 'sv=1&sig=2' },
      {},
    ]
    for (const env of others) {
      const { url, sas, credential } = login(env)
      expect([url, sas]).toEqual(['https://acme.blob.core.windows.net', ''])
      expect(credential).toBeInstanceOf(DefaultAzureCredential)
    }
  })

  it('that could be used by whoever listens is not sent over plain http', () => {
    const sas = { AZURE_STORAGE_SAS_TOKEN: 'sv=1&sig=secret' }
    const inString = {
      AZURE_STORAGE_CONNECTION_STRING: 'BlobEndpoint=http://acme.blob.example;SharedAccessSignature=sig=secret',
    }
    const cases: [Record<string, string>, string | undefined][] = [
      [sas, 'http://storage.example/acme'],
      [{}, 'http://storage.example/acme'],
      [{}, 'http://127.0.0.1:1/acme'],
      [inString, undefined],
    ]
    for (const [env, endpoint] of cases) {
      const failure = thrownBy(() => azureLogin({ account: 'acme', endpoint, env }))
      expect(failure.message).toMatch(/^http:\/\/[^/]+ would receive the login for Azure over plain http$/)
      expect(failure.exitCode).toBe(2)
    }
    expect(login(sas, 'http://127.0.0.1:1/acme').sas).toBe('sv=1&sig=secret')
    expect(login({ AZURE_STORAGE_KEY: KEY }, 'http://storage.example/acme').sas).toBe('')
  })

  it('that is none is told, and nothing of it', () => {
    const failure = thrownBy(() => login({ AZURE_STORAGE_CONNECTION_STRING: 'AccountKey=secret' }))
    expect(failure).toMatchObject({
      message: 'AZURE_STORAGE_CONNECTION_STRING is not a connection string',
      exitCode: 2,
    })
    expect(`${failure.stack}${failure.cause}`).not.toContain('secret')
  })
})

describe('a failure of the login', () => {
  const failure = (error: unknown): AuditError =>
    azureFailure('list az://acme/logs/', error, 'acme.blob.core.windows.net')

  it('says when none was found', () => {
    const error = new CredentialUnavailableError('EnvironmentCredential is unavailable. /home/somebody/.azure')
    expect(failure(error)).toMatchObject({ message: 'no login for Azure was found', exitCode: 2 })
    expect(failure(error).advice).toContain('az login')
  })

  it('says when it has expired, or is refused, with the number to look up', () => {
    const expired = Object.assign(new Error('AADSTS700082: The refresh token has expired due to inactivity.'), {
      name: 'AuthenticationError',
    })
    expect(failure(expired).message).toBe('the login for Azure has expired (AADSTS700082)')
    const refused = Object.assign(new Error('AADSTS7000215: Invalid client secret provided.'), {
      name: 'AuthenticationError',
    })
    expect(failure(refused).message).toBe('the login for Azure is refused (AADSTS7000215)')
    const again = new AuthenticationRequiredError({ scopes: [], message: 'interaction_required' })
    expect(failure(again).message).toBe('the login for Azure has expired')
  })

  it('says that there is no such account, where its host has no address', () => {
    const error = new RestError('getaddrinfo ENOTFOUND acme.blob.core.windows.net', { code: 'ENOTFOUND' })
    expect(failure(error)).toMatchObject({
      message: 'could not list az://acme/logs/: there is no host acme.blob.core.windows.net',
      retryable: false,
    })
  })

  it('of the network is worth another try', () => {
    const error = new RestError('read ECONNRESET', { code: 'ECONNRESET' })
    expect(failure(error)).toMatchObject({ retryable: true })
  })
})
