/** A connection that fails at its certificate or protocol is told in the same words by sources, stores and sinks. */

import { describe, expect, it } from 'vitest'
import { bigqueryError } from '../sinks/bigquery/errors.js'
import { apiFailure } from '../sinks/redshift/failures.js'
import { apiAddress } from '../src/sources/api/address.js'
import { networkFailure } from '../src/sources/api/failures.js'
import { connectionError } from '../src/stores/network.js'
import { failed, OPERATIONS } from '../src/stores/s3/failures.js'
import { never } from './support/load.js'

const address = apiAddress('https://acme.wandb.io', null, false)

const TELLERS = {
  'the W&B API': (error: unknown) => networkFailure(address, error),
  'Google Cloud Storage and Azure': (error: unknown) => connectionError('read gs://bucket/key', error),
  S3: (error: unknown) => failed(OPERATIONS.read, 's3://bucket/key', error, never),
  BigQuery: (error: unknown) => bigqueryError('bigquery://project/dataset: asking', error),
  Redshift: (error: unknown) => apiFailure('redshift://main/audit', 'the query', error),
}

const coded = (code: string, message = ''): Error => Object.assign(new Error(message), { code })

describe.each(Object.entries(TELLERS))('%s tells of', (_, tell) => {
  it.each<[string, Error, RegExp, RegExp]>([
    [
      'another host’s certificate',
      coded('ERR_TLS_CERT_ALTNAME_INVALID'),
      /for another host/,
      /a name that the certificate contains/,
    ],
    ['one that has expired', coded('CERT_HAS_EXPIRED'), /has expired/, /renew it/],
    ['one that is not valid yet', coded('CERT_NOT_YET_VALID'), /not valid yet/, /clock/],
    ['one that was revoked', coded('CERT_REVOKED'), /was revoked/, /replace it/],
    ['an unknown authority', coded('SELF_SIGNED_CERT_IN_CHAIN'), /not trusted/, /NODE_EXTRA_CA_CERTS/],
    ['an old TLS', coded('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'), /no common TLS/, /TLS 1\.2/],
    ['http where https is spoken', coded('ERR_SSL_WRONG_VERSION_NUMBER'), /does not speak https/, /port/],
    ['another protocol', new Error('Parse Error: Expected HTTP/, RTSP/ or ICE/'), /does not speak HTTP/, /host, port/],
  ])('%s', (_, error, what, advice) => {
    for (const seen of [error, new TypeError('fetch failed', { cause: error })]) {
      const told = tell(seen)
      expect(told.message).toMatch(what)
      expect(told.advice).toMatch(advice)
      expect(told.retryable).toBe(false)
      if (!/NODE_EXTRA/.test(advice.source)) expect(told.advice).not.toContain('NODE_EXTRA_CA_CERTS')
    }
  })
})
