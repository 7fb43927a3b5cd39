import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink, Source } from '../../../src/contract.js'
import { Journal } from '../../../src/journal.js'
import { bucketSource } from '../../../src/sources/bucket/source.js'
import { bucketConformance } from '../../conformance/buckets.js'
import { type Archived, DIGESTS } from '../../emulators/s3/objects.js'
import { BUCKET, type S3TestPlace, s3Place } from '../../stores/s3-place.js'
import { countsOf, loadInto, ndjson, newFolder } from '../../support/load.js'

bucketConformance('a bucket of S3', s3Place)

const PREFIX = 'audit logs/'
const event = (i: number) => ({ timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: i })
const sourceOf = ({ open }: S3TestPlace): Source =>
  bucketSource({ store: open(), prefix: `${PREFIX}*`, concurrency: 4 })
const newSink = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })

describe('a bucket of S3', () => {
  it('is asked for every object once, and when nothing is new only for its listing; batches grow with bytes', async () => {
    const place = await s3Place({ pageSize: 100 })
    for (let i = 0; i < 250; i++) place.s3.put(BUCKET, `${PREFIX}${i}.json`, Buffer.from(ndjson(event(i))))
    const sink = newSink()
    const asked = () => place.s3.requests.map(({ action }) => action)
    expect(countsOf(await loadInto(sink, { sources: [sourceOf(place)] }))).toEqual([250, 0, 0, 0])
    expect(asked().filter((action) => action === 'GetObject')).toHaveLength(250)
    expect(asked()).toHaveLength(253)
    const loads = await sink.query('SELECT documents FROM audit_loads')
    const batches = []
    for await (const [documents] of loads.rows) batches.push(Number(documents))
    expect(batches).toEqual([250])
    expect(await loadInto(sink, { sources: [sourceOf(place)] })).toMatchObject({ documents: 0, skipped: 250 })
    expect(asked().slice(253)).toEqual(['ListObjectsV2', 'ListObjectsV2', 'ListObjectsV2'])
  })

  it('resumes where a connection broke, by range and pinned to the version it began with', async () => {
    const place = await s3Place()
    place.s3.put(BUCKET, `${PREFIX}a.json`, Buffer.from(ndjson(...Array.from({ length: 5000 }, (_, i) => event(i)))))
    place.s3.fail({ kind: 'reset', afterBytes: 100_000, action: 'GetObject' })
    expect(countsOf(await loadInto(newSink(), { sources: [sourceOf(place)] }))).toEqual([5000, 0, 0, 0])
    const gets = place.s3.requests.filter(({ action }) => action === 'GetObject')
    expect(gets.map(({ range }) => range)).toEqual([null, expect.stringMatching(/^bytes=\d+-$/)])
    expect(gets[1]?.ifMatch).toBe(gets[0]?.ifMatch)
    expect(gets[0]?.ifMatch).toMatch(/^".+"$/)
  })

  const checksums = Object.entries(DIGESTS).filter(([header]) => header.startsWith('x-amz-checksum-'))

  it.each(checksums)('reads a body again that %s says was damaged on its way', async (header, digest) => {
    const place = await s3Place()
    const bytes = Buffer.from(ndjson(event(1), event(2)))
    place.s3.put(BUCKET, `${PREFIX}a.json`, bytes, {
      headers: { [header]: digest(bytes), 'x-amz-checksum-type': 'FULL_OBJECT' },
    })
    place.s3.fail({ kind: 'corrupt', action: 'GetObject' })
    expect(countsOf(await loadInto(newSink(), { sources: [sourceOf(place)] }))).toEqual([2, 0, 0, 0])
    expect(place.s3.faultsLeft).toBe(0)
    expect(place.s3.requests.filter(({ action }) => action === 'GetObject')).toHaveLength(2)
  })

  it.each([{}, { 'content-encoding': 'gzip' }])('unpacks gzip, whatever its headers say: %j', async (headers) => {
    const place = await s3Place()
    place.s3.put(BUCKET, `${PREFIX}a.json`, gzipSync(ndjson(event(1), event(2))), { headers })
    expect(countsOf(await loadInto(newSink(), { sources: [sourceOf(place)] }))).toEqual([2, 0, 0, 0])
  })

  it('is not asked for archived objects, which it lists as such; those that can be read are', async () => {
    const place = await s3Place()
    const put = (name: string, storageClass: string, archived: Archived): void =>
      place.s3.put(BUCKET, PREFIX + name, Buffer.from(ndjson({ ...event(1), action: name })), {
        storageClass,
        archived,
      })
    put('frozen', 'GLACIER', 'frozen')
    put('deep', 'DEEP_ARCHIVE', 'frozen')
    put('restoring', 'GLACIER', 'restoring')
    put('restored', 'GLACIER', 'restored')
    put('instant', 'GLACIER_IR', null)
    put('tiered', 'INTELLIGENT_TIERING', null)
    put('tier', 'INTELLIGENT_TIERING', 'tier')
    const summary = await loadInto(newSink(), { sources: [sourceOf(place)] })
    expect(summary).toMatchObject({ documents: 3, failed: [] })
    const restore = expect.stringContaining('aws s3api restore-object')
    expect(summary.archived).toEqual([
      { documents: 3, example: `s3://${BUCKET}/${PREFIX}deep`, advice: restore },
      { documents: 1, example: `s3://${BUCKET}/${PREFIX}restoring`, advice: expect.stringContaining('being restored') },
    ])
    const gets = place.s3.requests.filter(({ action }) => action === 'GetObject')
    expect(gets.map(({ key }) => key?.slice(PREFIX.length)).sort()).toEqual(['instant', 'restored', 'tier', 'tiered'])
  })

  it('is known by its versions in a process that continues after a crash too', async () => {
    const place = await s3Place()
    place.s3.put(BUCKET, `${PREFIX}a.json`, Buffer.from(ndjson(event(1))))
    const sink = newSink()
    const journal = new Journal([sink.id], [{ type: 'died', how: 'a signal' }])
    expect(await loadInto(sink, { sources: [sourceOf(place)] }, { journal })).toMatchObject({ documents: 1 })
    expect(await loadInto(sink, { sources: [sourceOf(place)] })).toMatchObject({ documents: 0, skipped: 1 })
    expect(place.s3.requests.filter(({ action }) => action === 'GetObject')).toHaveLength(1)
  })

  it('that shows an object only later has it loaded then', async () => {
    const place = await s3Place()
    place.s3.put(BUCKET, `${PREFIX}a.json`, Buffer.from(ndjson(event(1))))
    place.s3.put(BUCKET, `${PREFIX}b.json`, Buffer.from(ndjson(event(2))))
    place.s3.fail({ kind: 'unlisted', object: `${PREFIX}a.json` })
    const sink = newSink()
    expect(countsOf(await loadInto(sink, { sources: [sourceOf(place)] }))).toEqual([1, 0, 0, 0])
    expect(countsOf(await loadInto(sink, { sources: [sourceOf(place)] }))).toEqual([1, 0, 0, 0])
  })
})
