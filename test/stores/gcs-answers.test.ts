/** What Google Cloud Storage has of its own: what it is asked, how it packs, what it refuses. */

import { gzipSync } from 'node:zlib'
import { Storage } from '@google-cloud/storage'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditError } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { gcsStore } from '../../src/stores/gcs.js'
import { openStore } from '../../src/stores/index.js'
import { listed } from '../conformance/stores.js'
import { type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { joined } from '../landing/support.js'
import { never } from '../support/load.js'
import { AT_ONCE } from './gcs-place.js'

let server: GcsStandIn
let store: ObjectStore
beforeAll(async () => {
  server = await startGcs({ buckets: ['logs'], pageSize: 3 })
  store = gcsStore({ bucket: 'logs', endpoint: server.url, retryPolicy: AT_ONCE })
})
afterAll(async () => {
  await store.close()
  await server.close()
})

const LINE = Buffer.from('{"timestamp":"2023-01-23T12:34:56Z","action":"user:login"}\n')

async function* nothing(): AsyncGenerator<Uint8Array> {}

const failureOf = (work: Promise<unknown>): Promise<AuditError> =>
  work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: AuditError) => error,
  )

async function read(key: string) {
  const object = await store.find(key, never)
  const reading = object === null ? null : await store.read(object, 0, never)
  if (object === null || reading === null) throw new Error('nothing there')
  return { object, checksum: reading.checksum, bytes: await joined(reading.chunks) }
}

describe('asking', () => {
  it('for a listing takes one request a page, and no field that is not needed', async () => {
    for (let i = 0; i < 7; i++) server.put('logs', `pages/${i}`, LINE)
    const before = server.requests.length
    expect(await listed(store, 'pages/')).toHaveLength(7)
    const asked = server.requests.slice(before)
    expect(asked.map(({ action }) => action)).toEqual(['list', 'list', 'list'])
    expect(asked[0]?.query).toEqual({
      prefix: 'pages/',
      maxResults: '1000',
      fields: 'nextPageToken,items(name,size,generation,updated)',
    })
  })

  it('for an object is pinned to its generation, and begins where it is told', async () => {
    server.put('logs', 'pinned', LINE)
    const object = await store.find('pinned', never)
    const reading = await store.read({ key: 'pinned', version: object?.version ?? '' }, 20, never)
    expect(await joined(reading?.chunks ?? nothing())).toEqual(LINE.subarray(20))
    expect(server.requests.at(-1)).toMatchObject({
      range: 'bytes=20-',
      query: { alt: 'media', ifGenerationMatch: object?.version },
    })
  })

  it('for an object that changes between listing and reading gives null, not the other content', async () => {
    server.put('logs', 'changing', LINE)
    const object = await store.find('changing', never)
    server.fail({ kind: 'before', action: 'read', run: () => server.put('logs', 'changing', gzipSync(LINE)) })
    expect(await store.read({ key: 'changing', version: object?.version ?? '' }, 0, never)).toBeNull()
  })
})

describe('a bucket set to requester pays', () => {
  it('is used by who names a project, in every request', async () => {
    const paid = await startGcs({ buckets: ['logs'], requesterPays: ['logs'] })
    const address = `gs://logs?endpoint=${paid.url}`
    const { store: payer } = await openStore(`${address}&payer=my-project`)
    const version = (await payer.write('a', LINE, 'absent', never)) as string
    expect(await listed(payer, '')).toMatchObject([{ key: 'a', version }])
    expect(await payer.find('a', never)).toMatchObject({ version })
    expect(await joined((await payer.read({ key: 'a', version }, 0, never))?.chunks ?? nothing())).toEqual(LINE)
    await payer.remove('a', never)
    expect(paid.requests.map(({ query }) => query.userProject)).toEqual(paid.requests.map(() => 'my-project'))
    const { store: other } = await openStore(address)
    expect(await failureOf(listed(other, ''))).toMatchObject({
      message: expect.stringContaining('requester pays'),
      advice: expect.stringContaining('?payer=PROJECT'),
    })
    for (const each of [payer, other]) await each.close()
    await paid.close()
  })
})

describe('soft delete', () => {
  it('what is deleted or replaced is neither asked for nor listed', async () => {
    for (const key of ['soft/a', 'soft/b', 'soft/b']) server.put('logs', key, LINE)
    server.remove('logs', 'soft/a')
    expect((await listed(store, 'soft/')).map(({ key }) => key)).toEqual(['soft/b'])
    const query = server.requests.at(-1)?.query ?? {}
    expect(['softDeleted', 'versions'].filter((name) => name in query)).toEqual([])
  })
})

describe('content', () => {
  it('packed with Content-Encoding: gzip comes as it is stored, so that length and checksum fit', async () => {
    const packed = gzipSync(LINE)
    server.put('logs', 'packed', packed, { contentEncoding: 'gzip' })
    const { object, bytes, checksum } = await read('packed')
    expect(bytes).toEqual(packed)
    expect(object.bytes).toBe(packed.length)
    expect(checksum?.algorithm).toBe('md5')
  })

  it('that was put together from others has a CRC-32C only', async () => {
    server.put('logs', 'composed', Buffer.from('123456789'), { composed: true })
    // The check value of CRC-32C for these nine digits is e3069283.
    const digest = Buffer.from('e3069283', 'hex').toString('base64')
    expect((await read('composed')).checksum).toEqual({ algorithm: 'crc32c', digest })
  })

  it('is refused by the store when it did not arrive as it was sent', async () => {
    const version = await store.write('sent', LINE, 'any', never)
    expect(version).toMatch(/^\d+$/)
    expect((await read('sent')).checksum).toMatchObject({ algorithm: 'md5' })
  })
})

describe('a connection that breaks', () => {
  it('leaves the other downloads alone', async () => {
    const size = 200_000
    const reading = async (key: string): Promise<number> => {
      const object = await store.find(key, never)
      const whole = await store.read({ key, version: object?.version ?? '' }, 0, never)
      return (await joined(whole?.chunks ?? nothing())).length
    }
    const keys = Array.from({ length: 8 }, (_, i) => `beside/${i}`)
    for (const key of keys) server.put('logs', key, Buffer.alloc(size))
    server.fail({ kind: 'reset', action: 'read', key: 'beside/0', afterBytes: 20_000 })
    const results = await Promise.allSettled(keys.map(reading))
    expect(results[0]).toMatchObject({ status: 'rejected', reason: { retryable: true } })
    expect(results.slice(1)).toEqual(keys.slice(1).map(() => ({ status: 'fulfilled', value: size })))
  })
})

describe('a failure', () => {
  it.each([
    [401, 'authError', 'Invalid Credentials', /a login is required/, /https/],
    [403, 'forbidden', 'x does not have storage.objects.get access', /storage\.objects\.get is missing/, /login/],
    [403, 'accountDisabled', 'The billing account is disabled', /billing/, /owner/],
    [403, 'retentionPolicyNotMet', 'Object is subject to a retention policy', /retention policy/, /without one/],
    [
      400,
      'required',
      'Bucket is a requester pays bucket but no user project provided.',
      /requester pays/,
      /payer=PROJECT/,
    ],
    [400, 'invalid', 'Invalid bucket name', /answered 400 \(invalid\)/, /undefined/],
    [412, 'orgPolicyConstraintFailed', 'constraints/gcp.resourceLocations', /answered 412 \(orgPolicy/, /undefined/],
    [404, 'notFound', 'The specified bucket does not exist.', /there is no such bucket/, /Check the name/],
  ])('with status %i (%s) says which, where, and what to do', async (status, code, message, what, advice) => {
    server.fail({ kind: 'refuse', status, code, message })
    const failure = await failureOf(store.find('a', never))
    expect(failure.message).toMatch(/^could not look up gs:\/\/logs\/a: /)
    expect(failure.message).toMatch(what)
    expect(String(failure.advice)).toMatch(advice)
    expect(failure.retryable).toBe(false)
  })

  it("of a server that is not Google's is not taken for an object that is not there", async () => {
    for (const [action, work] of [
      ['find', () => store.find('a', never)],
      ['read', () => store.read({ key: 'a', version: '1' }, 0, never)],
      ['write', () => store.write('a', LINE, 'absent', never)],
    ] as const) {
      server.fail({ kind: 'refuse', action, status: 404, code: 'other', message: '<html>nginx</html>' })
      expect((await failureOf(work())).message).toMatch(/there is no such bucket$/)
    }
  })

  it('says that there is no such bucket, whatever was asked of it', async () => {
    const other = gcsStore({ bucket: 'elsewhere', endpoint: server.url, retryPolicy: AT_ONCE })
    const works = [
      () => listed(other, ''),
      () => other.find('a', never),
      () => other.read({ key: 'a', version: '1' }, 0, never),
      () => other.write('a', LINE, 'absent', never),
      () => other.remove('a', never),
    ]
    for (const work of works) expect((await failureOf(work())).message).toMatch(/there is no such bucket$/)
    await other.close()
  })

  it.each([
    [429, 'rateLimitExceeded'],
    [403, 'rateLimitExceeded'],
    [503, 'backendError'],
  ])('that lasts (%i %s) is told with the number of tries, and not begun once more', async (status, code) => {
    server.fail({ kind: 'refuse', status, code, times: 3 })
    const failure = await failureOf(store.find('a', never))
    expect(failure).toMatchObject({
      message: `could not look up gs://logs/a: Google Cloud Storage answered ${status} (tried 3 times)`,
      retryable: false,
    })
    expect(server.faultsLeft).toBe(0)
  })

  it('of a server that is not there is told too', async () => {
    const gone = await startGcs({ buckets: [] })
    await gone.close()
    const nowhere = gcsStore({ bucket: 'logs', endpoint: gone.url, retryPolicy: AT_ONCE })
    expect((await failureOf(nowhere.find('a', never))).message).toMatch(/the connection was refused \(tried 3 times\)$/)
    await nowhere.close()
  })
})

describe('the stand-in', () => {
  it("speaks what the vendor's own client speaks", async () => {
    const client = new Storage({ apiEndpoint: server.url, projectId: 'local', retryOptions: { autoRetry: false } })
    const bucket = client.bucket('logs')
    const file = bucket.file('official/ünï +%?.json')
    await file.save(LINE, { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } })
    const [found] = await bucket.getFiles({ prefix: 'official/' })
    expect(found.map(({ name }) => name)).toEqual(['official/ünï +%?.json'])
    expect((await file.getMetadata())[0]).toMatchObject({ size: String(LINE.length) })
    // The client checks the CRC-32C of what it downloads.
    expect((await file.download())[0]).toEqual(LINE)
    expect((await read('official/ünï +%?.json')).bytes).toEqual(LINE)
    await expect(file.save(LINE, { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } })).rejects.toThrow()
    await file.delete()
    expect(await file.exists()).toEqual([false])
  })

  it('refuses what it does not know', async () => {
    const client = new Storage({ apiEndpoint: server.url, projectId: 'local', retryOptions: { autoRetry: false } })
    await expect(client.bucket('logs').file('a').save(LINE, { resumable: true })).rejects.toMatchObject({ status: 501 })
  })
})
