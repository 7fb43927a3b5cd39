/** From where a bucket is listed, and that nothing is missed by it for longer than a day. */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { Sink } from '../../../src/contract.js'
import type { Run, Summary } from '../../../src/pipeline.js'
import { listingFrom } from '../../../src/sources/bucket/listing.js'
import { bucketSource } from '../../../src/sources/bucket/source.js'
import type { ObjectStore } from '../../../src/stores/contract.js'
import { gcsStore } from '../../../src/stores/gcs.js'
import { type GcsStandIn, startGcs } from '../../emulators/gcs.js'
import { AT_ONCE } from '../../stores/gcs-place.js'
import { BUCKET, IMPATIENT, s3Place } from '../../stores/s3-place.js'
import { loadInto, ndjson, newFolder } from '../../support/load.js'
import { rowsOf } from '../../support/rows.js'

const PLACE = 's3://instance'
const PREFIX = 'wandb-audit-logs/'
const NOW = new Date('2026-10-20T12:00:00Z')
const DAY_MS = 86_400_000
const CHECKPOINT = `${PLACE}?listed=${PREFIX}`

/** Receipts of ten-minute files up to the present, and of a whole listing of today. */
function known(nameOf: (time: Date) => string, others: readonly string[] = [], days = 19): Map<string, string> {
  const names = Array.from({ length: days * 144 }, (_, i) => nameOf(new Date(NOW.getTime() - i * 600_000)))
  const receipts = [...names, ...others].map((name): [string, string] => [`${PLACE}/${PREFIX}${name}`, 'etag 1'])
  return new Map([...receipts, [CHECKPOINT, '2026-10-20']])
}

const iso = (time: Date): string => time.toISOString()
const from = (...receipts: readonly ReadonlyMap<string, string>[]) => listingFrom(PLACE, PREFIX, receipts, NOW)

describe('a listing begins two days before the newest day', () => {
  it.each<[string, (time: Date) => string, string]>([
    ['2026-10-01T10:20:00Z.json', (time) => `${iso(time)}.json`, '2026-10-17T23:50:00.000Z.json'],
    ['2026/10/01/10-20.json', (time) => iso(time).slice(0, 16).replace(/[-T]/g, '/'), '2026/10/17/23:50'],
    [
      '20261001102000.json.gz',
      (time) => `${iso(time).replace(/\D/g, '').slice(0, 14)}.json.gz`,
      '20261017235000.json.gz',
    ],
    ['audit-1759312800.json', (time) => `audit-${time.getTime() / 1000}.json`, 'audit-1792281000.json'],
    ['1759312800000', (time) => `${time.getTime()}`, '1792281000000'],
  ])('when keys are like %s', (_form, nameOf, last) => {
    expect(from(known(nameOf))).toEqual({ after: PREFIX + last, checkpoint: null })
  })

  it('of the sink that knows least', () => {
    const behind = known((time) => iso(new Date(time.getTime() - 5 * DAY_MS)))
    expect(from(known(iso), behind).after).toBe(`${PREFIX}2026-10-12T23:50:00.000Z`)
  })

  it('however far into the future somebody dates a key', () => {
    expect(from(known(iso, ['2099-01-01T00:00:00Z'])).after).toBe(`${PREFIX}2026-10-17T23:50:00.000Z`)
  })

  it.each(['copies/2024-01-01/', 'copies/202', ''])('whatever dates bucket and prefix hold: %j', (prefix) => {
    const place = 's3://logs-2023-01-01'
    const keys = [...known(iso).keys()]
      .map((id) => id.slice(`${PLACE}/${PREFIX}`.length))
      .filter((name) => name.startsWith('2'))
    const receipts = keys.map((name): [string, string] => [`${place}/${prefix.replace(/202$/, '')}${name}`, 'etag 1'])
    const all = new Map([...receipts, [`${place}?listed=${prefix}`, '2026-10-20'] as const])
    const { after } = listingFrom(place, prefix, [all], NOW)
    expect(after).toBe(`${prefix.replace(/202$/, '')}2026-10-17T23:50:00.000Z`)
  })

  it('whatever other prefixes of the bucket hold', () => {
    const receipts = known(iso)
    receipts.set(`${PLACE}/copies/x`, 'etag 1')
    expect(from(receipts).after).not.toBeNull()
  })
})

describe('everything is listed', () => {
  it.each<[string, readonly ReadonlyMap<string, string>[]]>([
    ['when nobody knows anything', []],
    ['when a sink knows nothing', [known(iso), new Map()]],
    ['when there are few keys', [known(iso, [], 6)]],
    ['when a key tells no time', [known(iso, ['README.md'])]],
    ['when keys sort by another thing first', [known((time) => `pod-${time.getUTCMinutes() % 3}/${iso(time)}`)]],
    ['when keys sort by the day of the month first', [known((time) => `${time.getUTCDate() % 7} ${iso(time)}`)]],
    ['when keys hold characters whose order depends on their encoding', [known(iso, ['2026-10-03 \ufb01'])]],
    [
      'when all is of these days',
      [known((time) => iso(new Date(NOW.getTime() - (NOW.getTime() - time.getTime()) / 10)))],
    ],
  ])('%s, and leaves no receipt of that', (_what, receipts) => {
    expect(from(...receipts)).toEqual({ after: null, checkpoint: null })
  })

  it.each<[string, (receipts: Map<string, string>) => void]>([
    ['when that was never done', (receipts) => receipts.delete(CHECKPOINT)],
    ['when that was done yesterday', (receipts) => receipts.set(CHECKPOINT, '2026-10-19')],
    ['when another clock says that it was done tomorrow', (receipts) => receipts.set(CHECKPOINT, '2026-10-21')],
  ])('%s, and its receipt says so', (_what, change) => {
    const receipts = known(iso)
    change(receipts)
    const { after, checkpoint } = from(known(iso), receipts)
    expect(after).toBeNull()
    expect(checkpoint).toMatchObject({ id: CHECKPOINT, version: '2026-10-20', checkpoint: true })
  })
})

interface Bucket {
  readonly store: ObjectStore
  put(name: string, content?: string): void
  /** The first keys asked for by the listings since the last call; undefined for one from the beginning. */
  starts(): readonly (string | undefined)[]
  /** Makes the next reading of an object fail. */
  failRead(name: string): void
}

let gcs: GcsStandIn
beforeAll(async () => {
  gcs = await startGcs({ buckets: ['logs'] })
})
afterAll(() => gcs.close())

const event = (name: string): string => ndjson({ timestamp: '2026-10-01T12:34:56Z', action: name })

const BUCKETS: readonly [string, () => Promise<Bucket>][] = [
  [
    'S3',
    async () => {
      const { s3, open } = await s3Place({ pageSize: 1000 })
      let seen = 0
      return {
        store: open(IMPATIENT),
        put: (name, content = event(name)) => s3.put(BUCKET, PREFIX + name, Buffer.from(content)),
        starts() {
          const listings = s3.requests.slice(seen).filter(({ action }) => action === 'ListObjectsV2')
          seen = s3.requests.length
          return listings.filter(({ query }) => !query['continuation-token']).map(({ query }) => query['start-after'])
        },
        failRead: (name) => s3.fail({ kind: 'refuse', code: 'AccessDenied', action: 'GetObject', key: PREFIX + name }),
      }
    },
  ],
  [
    'Google Cloud Storage',
    async () => {
      let seen = gcs.requests.length
      return {
        store: gcsStore({ bucket: 'logs', endpoint: gcs.url, retryPolicy: AT_ONCE }),
        put: (name, content = event(name)) => gcs.put('logs', PREFIX + name, Buffer.from(content)),
        starts() {
          const listings = gcs.requests.slice(seen).filter(({ action }) => action === 'list')
          seen = gcs.requests.length
          return listings.filter(({ query }) => !query.pageToken).map(({ query }) => query.startOffset)
        },
        failRead: (name) =>
          gcs.fail({ kind: 'refuse', status: 403, code: 'forbidden', action: 'read', key: PREFIX + name }),
      }
    },
  ],
]

describe.each(BUCKETS)('a bucket of %s with many keys', (_name, newBucket) => {
  const newSink = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })
  const LAST = `${PREFIX}2026-10-17T23:50:00.000Z`

  it('is listed from its newest keys, and once a day from the beginning, which finds late ones', async () => {
    const bucket = await newBucket()
    let now = NOW
    const load = (sink: Sink, more: Partial<Run> = {}): Promise<Summary> => {
      const source = bucketSource({ store: bucket.store, prefix: PREFIX, concurrency: 8, now: () => now })
      return loadInto(
        sink,
        { sources: [] },
        { jobs: [{ source, range: null, refetch: false }], sinks: [sink], ...more },
      )
    }
    for (let i = 0; i < 1100; i++) bucket.put(iso(new Date(NOW.getTime() - i * 600_000)))
    const sink = newSink()
    expect(await load(sink)).toMatchObject({ documents: 1100 })
    // Only now is there anything by which to know how keys sort.
    expect(await load(sink)).toMatchObject({ documents: 0, skipped: 1100 })
    expect(bucket.starts()).toEqual([undefined, undefined])
    const receipts = await rowsOf(
      sink,
      `SELECT document_version, rows_read FROM audit_documents WHERE document LIKE '%?%'`,
    )
    expect(receipts).toEqual([{ document_version: '2026-10-20', rows_read: 0n }])

    bucket.put('2026-10-20T12:10:00.000Z')
    bucket.put('2026-10-13T00:00:00.001Z')
    const next = await load(sink)
    expect(next).toMatchObject({ documents: 1, failed: [] })
    expect(next.skipped).toBeLessThan(400)
    expect(bucket.starts()).toEqual([LAST])

    // The late one fails at first: until it is loaded, everything is listed in every run.
    now = new Date('2026-10-21T00:10:00Z')
    bucket.failRead('2026-10-13T00:00:00.001Z')
    expect(await load(sink)).toMatchObject({ documents: 0, failed: [{}] })
    expect(await load(sink)).toMatchObject({ documents: 1, failed: [] })
    expect(await load(sink)).toMatchObject({ documents: 0, failed: [] })
    expect(bucket.starts()).toEqual([undefined, undefined, LAST])

    // Whatever names days, or another sink beside this one, lists everything.
    const source = bucketSource({ store: bucket.store, prefix: PREFIX, concurrency: 8, now: () => now })
    const range = { from: new Date('2026-10-20T00:00:00Z'), to: null }
    await load(sink, { jobs: [{ source, range, refetch: false }] })
    await load(sink, { sinks: [sink, newSink()] })
    expect(bucket.starts()).toEqual([undefined, undefined])
  })
})
