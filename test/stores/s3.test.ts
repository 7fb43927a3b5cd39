import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Reading } from '../../src/stores/contract.js'
import { openStore } from '../../src/stores/index.js'
import { decoded } from '../../src/stores/s3/answers.js'
import { s3Store } from '../../src/stores/s3.js'
import { wholeObject } from '../../src/stores/whole-object.js'
import { storeFaultConformance } from '../conformance/store-faults.js'
import { bytes, bytesOf, failureOf, listed, storeConformance, written } from '../conformance/stores.js'
import { never, newFolder } from '../support/load.js'
import { BUCKET, s3Place } from './s3-place.js'

storeConformance('an S3 store', s3Place)
storeFaultConformance('an S3 store', s3Place)

const SHA256_OF_HELLO = 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

describe('listing', () => {
  it('asks for page after page, and for keys that XML can hold', async () => {
    const { s3, open, prefix } = await s3Place({ pageSize: 2 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) s3.put(BUCKET, prefix + name, bytes(name))
    expect(await listed(open(), prefix)).toHaveLength(5)
    expect(s3.requests.map(({ action }) => action)).toEqual(['ListObjectsV2', 'ListObjectsV2', 'ListObjectsV2'])
    expect(new Set(s3.requests.map(({ query }) => query['encoding-type']))).toEqual(new Set(['url']))
    expect(new Set(s3.requests.map(({ query }) => query['continuation-token'])).size).toBe(3)
  })

  it('goes on after a page that had to be asked for again', async () => {
    const { s3, open, prefix } = await s3Place({ pageSize: 1 })
    for (const name of ['a', 'b', 'c']) s3.put(BUCKET, prefix + name, bytes(name))
    const keys: string[] = []
    for await (const { key } of open().list(prefix, never)) {
      if (keys.push(key) === 1) s3.fail({ kind: 'refuse', code: 'InternalError', action: 'ListObjectsV2' })
    }
    expect(keys).toEqual(['a', 'b', 'c'].map((name) => prefix + name))
    expect(s3.faultsLeft).toBe(0)
  })

  it('a key that is not encoded as the store says is reported, not guessed', () => {
    expect(decoded('100%25+of+a%2Bb', 'url')).toBe('100% of a+b')
    expect(decoded('100% of a+b', undefined)).toBe('100% of a+b')
    expect(() => decoded('100% of a+b', 'url')).toThrow('not URL-encoded as it claims: 100% of a+b')
  })

  it('finds later what a listing did not know yet', async () => {
    const { s3, open, prefix } = await s3Place()
    for (const name of ['a', 'b']) s3.put(BUCKET, prefix + name, bytes(name))
    s3.fail({ kind: 'unlisted', object: `${prefix}a` })
    expect(await listed(open(), prefix)).toHaveLength(1)
    expect(await listed(open(), prefix)).toHaveLength(2)
  })
})

describe('reading', () => {
  it('an object that changes between listing and reading is not read', async () => {
    const { s3, open, prefix } = await s3Place()
    const store = open()
    const object = await written(store, `${prefix}a`, 'as it was listed')
    s3.fail({ kind: 'before', action: 'GetObject', run: () => s3.put(BUCKET, `${prefix}a`, bytes('rewritten')) })
    expect(await store.read(object, 0, never)).toBeNull()
  })

  it('is not misled by a store that does not look at the version asked for', async () => {
    const { s3, open, prefix } = await s3Place()
    const store = open()
    const object = await written(store, `${prefix}a`, 'one')
    await written(store, `${prefix}a`, 'two')
    s3.fail({ kind: 'ignore', header: 'if-match' })
    expect(await store.read(object, 0, never)).toBeNull()
  })

  it('does not go on with bytes of another place, when a store does not know ranges', async () => {
    const { s3, open, prefix } = await s3Place()
    const store = open()
    const object = await written(store, `${prefix}a`, '0123456789')
    s3.fail({ kind: 'ignore', header: 'range' })
    const failure = await failureOf(store.read(object, 5, never))
    expect(failure.message).toContain('the bytes from 5 on')
    expect(failure.retryable).toBe(false)
  })

  const readingOf = async (headers: Record<string, string>): Promise<Reading | null> => {
    const { s3, open, prefix } = await s3Place()
    s3.put(BUCKET, `${prefix}a`, bytes('hello'), { headers })
    const [object] = await listed(open(), prefix)
    return object === undefined ? null : open().read(object, 0, never)
  }

  it.each([
    ['sha256', SHA256_OF_HELLO],
    ['sha1', 'qvTGHdzF6KLavt4PO0gs2a6pQ00='],
    ['crc32', 'NhCmhg=='],
    ['crc32c', 'mnG7TA=='],
    ['crc64nvme', 'M3eFcAZSo54='],
    ['sha512', 'm3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw=='],
    ['xxhash64', 'JseCfYifbaM='],
    ['xxhash3', 'lVXoVVxi3P0='],
    ['xxhash128', 'tenBrQcbPn/Hec+qXlI4GA=='],
  ] as const)('gives the checksum the store keeps of the whole object: %s', async (algorithm, digest) => {
    const reading = await readingOf({ [`x-amz-checksum-${algorithm}`]: digest })
    expect(reading?.checksum).toEqual({ algorithm, digest })
    expect((await bytesOf(reading)).toString()).toBe('hello')
  })

  it('gives none where the store keeps none, or one of the parts', async () => {
    const composite = { 'x-amz-checksum-type': 'COMPOSITE', 'x-amz-checksum-crc32': 'NhCmhg==-3' }
    for (const headers of [{}, composite, { 'x-amz-checksum-sha256': `${SHA256_OF_HELLO}-2` }]) {
      const reading = await readingOf(headers)
      expect(reading?.checksum).toBeNull()
      expect((await bytesOf(reading)).toString()).toBe('hello')
    }
  })

  it('whole notices bytes that are not those of the checksum, and that another try may help', async () => {
    const { s3, open, prefix } = await s3Place()
    const store = open()
    await written(store, `${prefix}a`, 'hello')
    const [object] = await listed(store, prefix)
    if (object === undefined) throw new Error('nothing listed')
    const whole = async (): Promise<string> => {
      const reading = (await store.read(object, 0, never)) as Reading
      return (await bytesOf({ ...reading, chunks: wholeObject(store, object, reading, never) })).toString()
    }
    s3.fail({ kind: 'corrupt', action: 'GetObject' })
    const failure = await failureOf(whole())
    expect(failure.message).toContain('its checksum does not match')
    expect(failure.retryable).toBe(true)
    expect(await whole()).toBe('hello')
  })

  it('reads a hundred objects at once, under one signal', async () => {
    const { s3, open, prefix } = await s3Place()
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const store = open()
    for (let i = 0; i < 100; i++) s3.put(BUCKET, `${prefix}${i}`, bytes(`content ${i}`))
    const objects = await listed(store, prefix)
    const texts = await Promise.all(
      objects.map(async (object) => (await bytesOf(await store.read(object, 0, never))).toString()),
    )
    expect(texts.sort()).toEqual(Array.from({ length: 100 }, (_, i) => `content ${i}`).sort())
    process.off('warning', note)
    expect(warnings).toEqual([])
  })
})

describe('writing', () => {
  it('is one request, whose bytes the store has checked and can vouch for', async () => {
    const { s3, open, prefix } = await s3Place()
    const store = open()
    const file = join(newFolder(), 'content')
    writeFileSync(file, 'hello')
    for (const content of [{ file }, bytes('hello')]) {
      const version = (await store.write(`${prefix}a`, content, 'any', never)) as string
      const reading = await store.read({ key: `${prefix}a`, version }, 0, never)
      expect(reading?.checksum).toEqual({ algorithm: 'sha256', digest: SHA256_OF_HELLO })
      await bytesOf(reading)
    }
    expect(s3.requests.map(({ action }) => action)).toEqual(['PutObject', 'GetObject', 'PutObject', 'GetObject'])
  })

  it('a file is sent again from its beginning', async () => {
    const { s3, open, prefix } = await s3Place()
    const file = join(newFolder(), 'content')
    writeFileSync(file, Buffer.alloc(3_000_000, 'audit '))
    s3.fail({ kind: 'refuse', code: 'SlowDown', action: 'PutObject' })
    s3.fail({ kind: 'lost-answer', action: 'PutObject' })
    expect(await open().write(`${prefix}a`, { file }, 'absent', never)).not.toBeNull()
    expect(s3.get(BUCKET, `${prefix}a`)?.length).toBe(3_000_000)
  })

  it('is tried again when another write was under way', async () => {
    const { s3, open, prefix } = await s3Place()
    s3.fail({ kind: 'refuse', code: 'ConditionalRequestConflict', action: 'PutObject' })
    expect(await open().write(`${prefix}a`, bytes('mine'), 'absent', never)).not.toBeNull()
    s3.fail({ kind: 'refuse', code: 'ConditionalRequestConflict', action: 'PutObject' })
    expect(await open().write(`${prefix}a`, bytes('again'), 'absent', never)).toBeNull()
    expect(String(s3.get(BUCKET, `${prefix}a`))).toBe('mine')
  })

  it('that found its object gone afterwards did not write it, as far as anyone can tell', async () => {
    const { s3, open, prefix } = await s3Place()
    const { version } = await written(open(), `${prefix}a`, 'first')
    s3.fail({ kind: 'lost-answer', action: 'PutObject' })
    s3.fail({ kind: 'before', action: 'PutObject', run: () => s3.remove(BUCKET, `${prefix}a`) })
    expect(await open().write(`${prefix}a`, bytes('second'), { version }, never)).toBeNull()
  })

  it('says nothing on the console, whatever the client would say there', async () => {
    const spies = (['log', 'info', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name))
    // A profile beside keys in the environment is worth a warning to the client.
    const folder = newFolder()
    writeFileSync(join(folder, 'config'), '[profile audit]\naws_access_key_id = a\naws_secret_access_key = b\n')
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'))
    vi.stubEnv('AWS_PROFILE', 'audit')
    const { s3, open, prefix } = await s3Place()
    s3.fail({ kind: 'refuse', code: 'SlowDown', action: 'PutObject' })
    await written(open(), `${prefix}a`, 'one')
    for (const spy of spies) expect(spy).not.toHaveBeenCalled()
  })
})

describe('an access point', () => {
  it('by its ARN is refused with a word on its alias, which is a bucket like any other', async () => {
    const arn = 's3://arn:aws:s3:eu-central-1:123456789012:accesspoint/logs/wandb-audit-logs/'
    const error = await failureOf(openStore(arn))
    expect(error).toMatchObject({ exitCode: 2, advice: expect.stringContaining('-s3alias/prefix') })
    const alias = 'logs-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias'
    expect(await openStore(`s3://${alias}/a`)).toMatchObject({ prefix: 'a', store: { id: `s3://${alias}` } })
  })
})

describe('a bucket set to requester pays', () => {
  it('is used by who says that he pays, in every request, and refused to others', async () => {
    const { s3, prefix } = await s3Place({ requesterPays: [BUCKET] })
    const address = `s3://${BUCKET}?endpoint=${s3.url}`
    const { store } = await openStore(`${address}&payer=requester`)
    const object = await written(store, `${prefix}a`, 'one')
    expect(await listed(store, prefix)).toMatchObject([object])
    expect(await store.find(object.key, never)).toMatchObject(object)
    expect((await bytesOf(await store.read(object, 1, never))).toString()).toBe('ne')
    await store.remove(object.key, never)
    const other = await openStore(address)
    expect((await failureOf(listed(other.store, prefix))).message).toContain('access denied')
    for (const each of [store, other.store]) await each.close()
    await expect(openStore(`${address}&payer=somebody`)).rejects.toThrow('option payer is not requester')
  })
})

describe('an address', () => {
  it('names bucket, prefix, endpoint and region, and nothing else', async () => {
    const { s3, prefix } = await s3Place()
    s3.put(BUCKET, `${prefix}a?b`, bytes('one'))
    const address = `S3://${BUCKET}/${prefix}a?endpoint=${s3.url}&region=us-east-1`
    const opened = await openStore(address)
    expect(opened).toMatchObject({ prefix: `${prefix}a`, store: { id: `s3://${BUCKET}` } })
    expect((await listed(opened.store, opened.prefix)).map(({ key }) => key)).toEqual([`${prefix}a?b`])
    await opened.store.close()
    await expect(openStore(`s3://${BUCKET}`)).resolves.toMatchObject({ prefix: '' })
    await expect(openStore(`${address}&role=r`)).rejects.toThrow(`${BUCKET}/${prefix}a has no option role`)
  })

  it.each([
    [{ bucket: 'a' }, 'no bucket is called a'],
    [{ bucket: '' }, 'no bucket is called '],
    [{ bucket: 'name--euc1-az1--x-s3' }, 'is a directory bucket (S3 Express), which is not supported'],
    [{ bucket: 'mfzwi23gnjvgw.mrap' }, 'is a multi-region access point, which is not supported'],
  ])('%j is refused', (place, message) => {
    expect(() => s3Store(place)).toThrow(message)
  })
})
