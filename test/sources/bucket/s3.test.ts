import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink, Source } from '../../../src/contract.js'
import { bucketSource } from '../../../src/sources/bucket/source.js'
import { bucketConformance } from '../../conformance/buckets.js'
import { DIGESTS } from '../../emulators/s3/objects.js'
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
