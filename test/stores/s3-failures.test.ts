/** What goes wrong with S3, as the operator reads it. */

import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ObjectStore } from '../../src/stores/contract.js'
import { s3Store } from '../../src/stores/s3.js'
import { bytes, bytesOf, failureOf, listed, written } from '../conformance/stores.js'
import type { Action, Fault } from '../emulators/s3.js'
import { never, newFolder } from '../support/load.js'
import { BUCKET, IMPATIENT, LOGIN, s3Place } from './s3-place.js'

afterEach(() => vi.unstubAllEnvs())

const KEY = 'wandb-audit-logs/a.json'

/** Every method, with the words of its messages and the permission it takes. */
const METHODS: readonly {
  readonly action: Action
  readonly told: string
  readonly permission: string
  work(store: ObjectStore): Promise<unknown>
}[] = [
  {
    action: 'ListObjectsV2',
    told: `could not list s3://${BUCKET}/wandb-audit-logs/: `,
    permission: 's3:ListBucket',
    work: (store) => listed(store, 'wandb-audit-logs/'),
  },
  {
    action: 'HeadObject',
    told: `could not look up s3://${BUCKET}/${KEY}: `,
    permission: 's3:GetObject and s3:ListBucket',
    work: (store) => store.find(KEY, never),
  },
  {
    action: 'GetObject',
    told: `could not read s3://${BUCKET}/${KEY}: `,
    permission: 's3:GetObject',
    work: (store) => store.read({ key: KEY, version: 'version' }, 0, never),
  },
  {
    action: 'PutObject',
    told: `could not write s3://${BUCKET}/${KEY}: `,
    permission: 's3:PutObject',
    work: (store) => store.write(KEY, bytes('one'), 'absent', never),
  },
  {
    action: 'DeleteObject',
    told: `could not remove s3://${BUCKET}/${KEY}: `,
    permission: 's3:DeleteObject',
    work: (store) => store.remove(KEY, never),
  },
]

type Code = Extract<Fault, { kind: 'refuse' }>['code']

describe('an object that HEAD misses and GET finds', () => {
  const missed = (times: number): Fault => ({ kind: 'refuse', code: 'NoSuchKey', action: 'HeadObject', times })

  it('is looked up again', async () => {
    const { s3, open } = await s3Place()
    const store = open()
    const version = await store.write(KEY, bytes('one'), 'absent', never)
    s3.fail(missed(2))
    expect(await store.find(KEY, never)).toMatchObject({ key: KEY, version })
    expect(s3.faultsLeft).toBe(0)
  })

  it('is an error if that goes on', async () => {
    const { s3, open } = await s3Place()
    const store = open()
    await store.write(KEY, bytes('one'), 'absent', never)
    s3.fail(missed(10))
    expect((await failureOf(store.find(KEY, never))).message).toContain(`could not look up s3://${BUCKET}/${KEY}`)
  })
})

describe.each(METHODS)('$action', ({ told, permission, work }) => {
  it.each<[Code, string, RegExp]>([
    ['AccessDenied', 'access denied (needs', /docs\/s3\.md/],
    ['ExpiredToken', 'the login has expired', /Log in again/],
    ['InvalidAccessKeyId', 'the access key does not exist', /AWS_ACCESS_KEY_ID/],
    ['InvalidToken', 'the session token is not valid', /AWS_SESSION_TOKEN/],
    ['SignatureDoesNotMatch', 'the secret key is wrong', /AWS_SECRET_ACCESS_KEY/],
    ['RequestTimeTooSkewed', "this machine's clock is wrong", /clock/],
    ['SlowDown', 'S3 was too busy for too long', /later/],
    ['ServiceUnavailable', 'S3 was too busy for too long', /later/],
    ['InternalError', 'S3 kept failing', /later/],
    ['NotImplemented', 'this store does not support that', /If-None-Match/],
  ])('%s is told, with what to do', async (code, what, advice) => {
    const { s3, open } = await s3Place()
    s3.fail({ kind: 'refuse', code, times: Number.POSITIVE_INFINITY })
    const failure = await failureOf(work(open(IMPATIENT)))
    expect(failure.message.startsWith(told + what)).toBe(true)
    expect(failure.advice).toMatch(advice)
    expect(failure.retryable).toBe(false)
    if (code === 'AccessDenied') expect(failure.message).toContain(`(needs ${permission})`)
  })

  it('a bucket that is not there is told, and no missing object', async () => {
    const { s3 } = await s3Place()
    const failure = await failureOf(work(s3Store({ bucket: 'another-bucket', endpoint: s3.url })))
    expect(failure.message).toContain('there is no such bucket')
    expect(failure.advice).toContain('endpoint')
  })

  it('the region the bucket is in is told', async () => {
    const { s3 } = await s3Place({ region: 'eu-central-1' })
    const store = s3Store({ bucket: BUCKET, endpoint: s3.url, region: 'us-east-1' })
    const malformed = await failureOf(work(store))
    expect(malformed.message).toBe(`${told}the bucket is in eu-central-1`)
    expect(malformed.advice).toContain('?region=eu-central-1')
    const headers = { 'x-amz-bucket-region': 'eu-north-1' }
    s3.fail({ kind: 'refuse', code: 'PermanentRedirect', headers, times: 2 })
    expect((await failureOf(work(store))).message).toBe(`${told}the bucket is in eu-north-1`)
  })

  it('no secret is in what is thrown, however it is printed', async () => {
    const { s3, open } = await s3Place()
    for (const code of ['AccessDenied', 'SignatureDoesNotMatch', 'SlowDown'] as const) {
      s3.fail({ kind: 'refuse', code, times: Number.POSITIVE_INFINITY })
      const printed = inspect(await failureOf(work(open(IMPATIENT))), { depth: Number.POSITIVE_INFINITY })
      for (const secret of [...Object.values(LOGIN), 'Signature=']) expect(printed).not.toContain(secret)
    }
  })
})

describe('an object', () => {
  it('AWS says is denied for want of another permission: that one is told', async () => {
    const { s3, open } = await s3Place()
    const message = 'User: arn:aws:iam::1:user/a is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:b'
    s3.fail({ kind: 'refuse', code: 'AccessDenied', message })
    const failure = await failureOf(open().read({ key: KEY, version: 'v' }, 0, never))
    expect(failure.message).toContain('(needs kms:Decrypt)')
    expect(failure.message).not.toContain('arn:')
  })

  it('is named in a message as it can be printed', async () => {
    const { s3, open } = await s3Place()
    s3.fail({ kind: 'refuse', code: 'AccessDenied' })
    const failure = await failureOf(open().read({ key: 'line\nbreak\u202e', version: 'v' }, 0, never))
    expect(failure.message).toContain(`s3://${BUCKET}/line\\u000abreak\\u202e: `)
  })

  it('in the middle of which the connection rests too long is not waited for', async () => {
    const { s3, open, prefix } = await s3Place()
    const store = open({ ...IMPATIENT, idleMs: 50 })
    const object = await written(store, `${prefix}a`, 'x'.repeat(1000))
    s3.fail({ kind: 'stall', afterBytes: 500 })
    const failure = await failureOf(bytesOf(await store.read(object, 0, never)))
    expect(failure.message).toContain('did not arrive whole')
    expect(failure.retryable).toBe(true)
  })
})

describe('a store', () => {
  it('without a login is told where logins are looked for', async () => {
    const { s3, open } = await s3Place()
    for (const name of Object.keys(LOGIN)) vi.stubEnv(name, undefined)
    vi.stubEnv('HOME', newFolder())
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    const failure = await failureOf(listed(open(), ''))
    expect(failure.message).toContain('no login for AWS was found')
    expect(failure.advice).toMatch(/AWS_PROFILE.*role/)
    expect(s3.requests).toEqual([])
  })

  it('on AWS without a region is told to name one', async () => {
    vi.stubEnv('AWS_REGION', undefined)
    vi.stubEnv('HOME', newFolder())
    const failure = await failureOf(listed(s3Store({ bucket: BUCKET }), ''))
    expect(failure.message).toContain('the region of the bucket is not known')
    expect(failure.advice).toContain('AWS_REGION')
  })

  it('that is not running, that has no name, that speaks no https: each is told', async () => {
    const { s3 } = await s3Place()
    await s3.close()
    const at = (endpoint: string) => failureOf(listed(s3Store({ bucket: BUCKET, endpoint }, IMPATIENT), ''))
    expect((await at(s3.url)).message).toContain('the connection was refused')
    const { s3: running } = await s3Place()
    expect((await at(running.url.replace('http:', 'https:'))).message).toContain('the two sides found no common TLS')
    expect((await at('http://store.invalid')).message).toMatch(/no host has that name|could not be looked up/)
  })

  it('that does not answer is not waited for without end', async () => {
    const { s3, open } = await s3Place()
    s3.fail({ kind: 'stall', times: 2 })
    const failure = await failureOf(listed(open({ ...IMPATIENT, idleMs: 50 }), ''))
    expect(failure.message).toContain('no answer came in time')
  })
})
