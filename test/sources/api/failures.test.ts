import { describe, expect, test } from 'vitest'
import { apiAddress } from '../../../src/sources/api/address.js'
import { retryAfter } from '../../../src/sources/api/client.js'
import { contentFailure, networkFailure } from '../../../src/sources/api/failures.js'

const address = apiAddress('https://acme.wandb.io', null, false)

/** As undici passes the system's errors on: wrapped, or one for each address of a host. */
const system = (code: string): Error => Object.assign(new Error('secret detail'), { code })

describe('a failed connection', () => {
  test.each([
    [
      'SELF_SIGNED_CERT_IN_CHAIN',
      /acme\.wandb\.io: the certificate is not trusted.*SELF_SIGNED/,
      /NODE_EXTRA_CA_CERTS/,
      false,
    ],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /certificate/, /NODE_EXTRA_CA_CERTS/, false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /for another host/, /a name that the certificate contains/, false],
    ['CERT_HAS_EXPIRED', /certificate has expired/, /renew it/, false],
    ['CERT_SIGNATURE_FAILURE', /certificate is not valid/, /replace it/, false],
    ['ENOTFOUND', /no host of that name/, /DNS/, false],
    ['EAI_AGAIN', /looked up/, /DNS/, true],
    ['ECONNREFUSED', /refused/, /port/, true],
    ['UND_ERR_CONNECT_TIMEOUT', /no connection in time/, /firewall/, true],
    ['ESOMETHING', /broke \(ESOMETHING\)/, /next run/, true],
  ])('%s', (code, message, advice, retryable) => {
    const wrapped = [
      system(code),
      new TypeError('fetch failed', { cause: system(code) }),
      new AggregateError([system(code), system('EHOSTUNREACH')]),
    ]
    for (const error of wrapped.map((cause) => networkFailure(address, cause))) {
      expect(error.message).toMatch(message)
      expect(error.message).not.toContain('secret detail')
      expect(error.advice).toMatch(advice)
      expect(error.retryable).toBe(retryable)
    }
  })
})

describe('an answer that begins', () => {
  const several = 'user is associated with multiple organizations but no valid org ID found in user info'
  test.each([
    ['as a page of the web', '\n<!doctype html>', /web page/],
    ['as a list', '[{"action":"a"}]', /a list, and no page/],
    ['as text', 'ok', /other than JSON/],
    ['with the error of several organizations', `{"error":"${several}"}`, /which organization/],
  ])('%s is no log', (_, head, message) => {
    expect(contentFailure(address, 'application/json', head)?.message).toMatch(message)
  })

  test.each([
    ['with nothing', ''],
    ['with an event that quotes an error', `{"timestamp":"2026-03-01T00:00:00Z","cli_version":"${several}"}`],
    ['with a byte order mark', '\uFEFF{"action":"a"}'],
  ])('%s may be one', (_, head) => expect(contentFailure(address, '', head)).toBeNull())
})

test.each([
  [undefined, 0],
  ['120', 120_000],
  ['Thu, 05 Mar 2026 12:00:30 GMT', 30_000],
  ['Thu, 05 Mar 2026 11:00:00 GMT', 0],
  ['soon', 0],
])('Retry-After %s', (header, ms) => expect(retryAfter(header, new Date('2026-03-05T12:00:00Z'))).toBe(ms))
