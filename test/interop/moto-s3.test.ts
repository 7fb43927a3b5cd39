/** The suites of stores and buckets over moto's S3, and the built program with its lake there. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { archiveAt } from '../../src/archive/archive.js'
import { checkLocks } from '../../src/archive/check.js'
import { madeDay } from '../../src/demo/made-logs.js'
import { s3Store } from '../../src/stores/s3.js'
import { countsOf, newFolder, run, runProgram, summaryOf } from '../cli/support.js'
import { archiveConformance } from '../conformance/archives.js'
import { bucketConformance } from '../conformance/buckets.js'
import { storeFaultConformance } from '../conformance/store-faults.js'
import { storeConformance } from '../conformance/stores.js'
import { loadInto, ndjson, never } from '../support/load.js'
import { BUCKET, type Moto, startMoto } from './emulators/moto.js'

let moto: Moto
beforeAll(async () => {
  moto = await startMoto()
})
afterAll(() => moto.close())

const newPlace = async () => moto.place()

storeConformance("moto's S3", newPlace)
storeFaultConformance("moto's S3", newPlace)
bucketConformance("a bucket of moto's S3", newPlace)
archiveConformance("moto's S3", async () => {
  const { open, prefix } = moto.place()
  return { store: open(), prefix }
})

describe("Object Lock in moto's S3", () => {
  const YEARS_MS = 6 * 366 * 86_400_000

  it('keeps each archived version in compliance mode, as the official client reads it, and refuses to delete it', async () => {
    const Bucket = 'locked-bucket'
    await moto.client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }))
    const store = s3Store({ bucket: Bucket, endpoint: moto.url, region: 'us-east-1' })
    const place = { store, prefix: 'kept/', id: 'the archive' }
    const sink = await duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })
    const started = Date.now()
    const logs = { a: ndjson(...madeDay(1, DAY, 50)) }
    expect((await loadInto(sink, logs, { archive: archiveAt(place, YEARS_MS) })).documents).toBe(1)
    await sink.close()

    const { Versions: [version] = [] } = await moto.client.send(new ListObjectVersionsCommand({ Bucket }))
    const { Key, VersionId } = version ?? {}
    const kept = await moto.client.send(new HeadObjectCommand({ Bucket, Key, VersionId }))
    expect(kept.ObjectLockMode).toBe('COMPLIANCE')
    expect(kept.ObjectLockRetainUntilDate?.getTime()).toBeGreaterThan(started + YEARS_MS - 1000)
    const removal = new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true })
    await expect(moto.client.send(removal)).rejects.toThrow(/Access Denied/)
    const report = await checkLocks(place, new Date(), never)
    expect(report).toMatchObject({ objects: 1, unlocked: 0, until: kept.ObjectLockRetainUntilDate })
    await store.close()
  })

  it('is demanded of a bucket that was made without', async () => {
    const place = moto.place()
    const archive = archiveAt({ store: place.open(), prefix: place.prefix, id: 'the archive' }, YEARS_MS)
    const sink = await duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })
    const logs = { a: ndjson(...madeDay(1, DAY, 5)) }
    await expect(loadInto(sink, logs, { archive })).rejects.toThrow('the bucket has no Object Lock')
    await sink.close()
  })
})

const DAY = Date.parse('2026-10-01')

describe('the built program', () => {
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' }

  it('loads two lakes at once into one, the same again changes nothing, and a version is kept of each file replaced', async () => {
    const versioned = { Bucket: BUCKET, VersioningConfiguration: { Status: 'Enabled' as const } }
    await moto.client.send(new PutBucketVersioningCommand(versioned))
    const cwd = newFolder()
    const events = [...madeDay(1, DAY, 600)]
    writeFileSync(join(cwd, 'a.ndjson'), ndjson(...events.slice(0, 400)))
    writeFileSync(join(cwd, 'b.ndjson'), ndjson(...events.slice(200)))
    const to = `parquet+s3://${BUCKET}/lake?endpoint=${moto.url}`
    const load = (file: string) => summaryOf(['load', '--from', file, '--to', to], { cwd, env }, runProgram)
    await Promise.all(['a.ndjson', 'b.ndjson'].map(load))
    const query = ['query', 'SELECT count(*), count(DISTINCT content_hash) FROM audit_events', '--to', to]
    expect((await run([...query, '--format', 'csv'], { cwd, env })).stdout.split('\r\n')[1]).toBe('600,600')
    expect(countsOf(await load('a.ndjson'))).toEqual([0, 0, 0, 0, 0])

    const day = { Bucket: BUCKET, Prefix: 'lake/audit_events/event_date=2026-10-01/' }
    const { Versions = [] } = await moto.client.send(new ListObjectVersionsCommand(day))
    expect(Versions.filter(({ IsLatest }) => IsLatest)).toHaveLength(1)
    expect(Versions.length).toBeGreaterThan(1)
  })

  it('loads from a bucket', async () => {
    const place = moto.place()
    const store = await place.open()
    const logs = Buffer.from(ndjson(...madeDay(1, DAY, 100)))
    await store.write(`${place.prefix}wandb-audit-logs/2026-10-01.json`, logs, 'any', new AbortController().signal)
    const from = `s3://${BUCKET}/${place.prefix}?endpoint=${moto.url}`
    expect(countsOf(await summaryOf(['load', '--from', from], { env }))).toEqual([100, 100, 0, 0, 0])
  })
})
