/** What a bucket must do as a source, whichever store it lies in: the suite of sources, and loads with everything that goes wrong. */

import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import type { Document, Sink, Source } from '../../src/contract.js'
import { madeDay, withoutNames } from '../../src/demo/made-logs.js'
import { bucketSource } from '../../src/sources/bucket/source.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { countsOf, loadInto, ndjson, never, newFolder, opened } from '../support/load.js'
import { contentOf, type RowObject, rowsOf } from '../support/rows.js'
import { objectPlace, sourceConformance } from './sources.js'
import type { FaultyPlace, StoreFaults } from './store-faults.js'
import { failureOf } from './stores.js'

/** Everything a test needs of one bucket. */
class Bucket {
  readonly faults: StoreFaults
  readonly keys: readonly string[]
  private readonly place: FaultyPlace
  private readonly store: ObjectStore

  constructor(place: FaultyPlace) {
    this.place = place
    this.store = place.open()
    this.faults = place.faults
    this.keys = place.keys
  }

  source(prefix = `${this.place.prefix}*`): Source {
    return bucketSource({ store: this.place.open(), prefix, concurrency: 2 })
  }

  /** The place as an operator would name it: a `bucket.path` of W&B's chart. */
  get path(): string {
    return this.place.prefix
  }

  async put(contents: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    for (const [name, content] of Object.entries(contents)) {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content
      await this.store.write(this.place.prefix + name, bytes, 'any', never)
    }
  }

  remove(name: string): Promise<void> {
    return this.store.remove(this.place.prefix + name, never)
  }

  idOf(name: string): string {
    return `${this.store.id}/${this.place.prefix}${name}`
  }
}

const DAY = Date.parse('2026-10-01')
const lines = (from: number, to: number): string =>
  ndjson(...[...madeDay(1, DAY, 1000)].slice(from, to).map(withoutNames))
const BAD = '{"timestamp":"2026-10-01T12:34:56Z"}\n'

/** Overlapping, with a line that is no event, packed and empty objects, and one of some size. */
const CONTENTS: Readonly<Record<string, string | Uint8Array>> = {
  'a.json': lines(0, 300) + BAD,
  'b.json.gz': gzipSync(lines(200, 500)),
  'c/empty.json': '',
  'c/large.json': lines(400, 1000).repeat(8),
}

const newSink = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })

/** What lies where, beside the events: how often each line was counted. */
async function tablesOf(sink: Sink): Promise<Readonly<Record<string, readonly RowObject[]>>> {
  const receipts = 'SELECT document, sha256, bytes, rows_read, rejected FROM audit_documents ORDER BY ALL'
  const read = 'SELECT sum(rows_read) AS read, sum(inserted) AS inserted, sum(rejected) AS rejected FROM audit_loads'
  return { ...(await contentOf(sink)), receipts: await rowsOf(sink, receipts), read: await rowsOf(sink, read) }
}

/** Does something once all documents are listed, and before any is read. */
function afterListing(source: Source, work: () => Promise<void>): Source {
  return {
    ...source,
    async *list(range, signal) {
      yield* source.list(range, signal)
      await work()
    },
  }
}

/** Does something once the first bytes of each document have arrived. */
function amidReading(source: Source, work: () => Promise<void>): Source {
  const watched = (document: Document): Document =>
    Object.create(document, {
      open: {
        async value(signal: AbortSignal) {
          const stream = await opened(document, signal)
          return (async function* () {
            let begun = false
            for await (const chunk of stream) {
              if (!begun) await work()
              begun = true
              yield chunk
            }
          })()
        },
      },
      version: { get: () => document.version },
    })
  return {
    ...source,
    async *list(range, signal) {
      for await (const document of source.list(range, signal)) yield watched(document)
    },
  }
}

export function bucketConformance(name: string, newPlace: () => Promise<FaultyPlace>): void {
  const newBucket = async (): Promise<Bucket> => new Bucket(await newPlace())
  const filled = async (): Promise<Bucket> => {
    const bucket = await newBucket()
    await bucket.put(CONTENTS)
    return bucket
  }

  sourceConformance(`${name} as a source`, async () => {
    const bucket = await newBucket()
    return objectPlace(
      () => bucket.source(),
      async (contents) => {
        await bucket.put(contents)
        return Object.keys(contents).map((key) => bucket.idOf(key))
      },
    )
  })

  describe(`${name}: an instance's bucket`, () => {
    const artifact = Buffer.alloc(3 << 20, 'weights of a model\n')
    const LOG = 'wandb-audit-logs/2026-10-01.json'

    it('of a path has its logs loaded, and nothing of what lies beside them', async () => {
      const bucket = new Bucket(await newPlace())
      await bucket.put({ [LOG]: lines(0, 10), 'artifacts/model.bin': artifact, 'media/image.json': '{}' })
      for (const prefix of [bucket.path, bucket.path.replace(/\/$/, ''), `${bucket.path}wandb-audit-logs/`]) {
        const sink = newSink()
        expect(countsOf(await loadInto(sink, { sources: [bucket.source(prefix)] }))).toEqual([10, 0, 0, 0])
      }
    })

    it('without logs is refused, and says what is there and how to take it all the same', async () => {
      const bucket = new Bucket(await newPlace())
      await bucket.put({ 'artifacts/a/model.bin': artifact, 'copies/2026-10-01.json': lines(0, 10) })
      const error = await failureOf(loadInto(newSink(), { sources: [bucket.source(bucket.path)] }))
      expect(error.message).toContain('has no wandb-audit-logs/')
      expect(error.advice).toMatch(/There is: artifacts\/, copies\/\..*end it with \*/)
      const copies = bucket.source(`${bucket.path}copies/*`)
      expect(countsOf(await loadInto(newSink(), { sources: [copies] }))).toEqual([10, 0, 0, 0])
    })
  })

  describe(`${name}: loading`, () => {
    it('finds objects however they are called', async () => {
      const bucket = await newBucket()
      const keys = bucket.keys.filter((key) => !key.endsWith('/'))
      await bucket.put(Object.fromEntries(keys.map((key, i) => [key, lines(i, i + 1)])))
      const sink = newSink()
      expect(await loadInto(sink, { sources: [bucket.source()] })).toMatchObject({ documents: keys.length, failed: [] })
      const documents = await rowsOf(sink, 'SELECT document FROM audit_documents')
      expect(documents.map(({ document }) => document).sort()).toEqual(keys.map((key) => bucket.idOf(key)).sort())
    })

    it('reads nothing again, and finds what comes late, is rewritten, or became shorter; what is deleted stays', async () => {
      const bucket = await newBucket()
      await bucket.put({ 'b.json': lines(0, 100), 'c.json': lines(100, 200), 'd.json': lines(200, 300) })
      const sink = newSink()
      const load = () => loadInto(sink, { sources: [bucket.source()] })
      expect(countsOf(await load())).toEqual([300, 0, 0, 0])
      expect(await load()).toMatchObject({ documents: 0, skipped: 3 })
      await bucket.put({ 'b.json': lines(0, 150) })
      expect(countsOf(await load())).toEqual([0, 0, 150, 0])
      await bucket.put({ 'c.json': lines(100, 200) + lines(300, 350) })
      expect(countsOf(await load())).toEqual([50, 0, 100, 0])
      await bucket.put({ 'a.json': lines(350, 400) })
      expect(countsOf(await load())).toEqual([50, 0, 0, 0])
      await bucket.put({ 'd.json': lines(290, 300) })
      await bucket.remove('b.json')
      expect(countsOf(await load())).toEqual([0, 0, 10, 0])
      expect(await load()).toMatchObject({ documents: 0, skipped: 3 })
      expect(await rowsOf(sink, 'SELECT count(*)::INTEGER AS events FROM audit_events')).toEqual([{ events: 400 }])
    })

    it('gives the same row whether the bucket or the API came first', async () => {
      const events = [...madeDay(1, DAY, 300)]
      const bucket = await newBucket()
      await bucket.put({ 'a.json': ndjson(...events.map(withoutNames)) })
      const [bucketFirst, apiFirst] = [newSink(), newSink()]
      const api = { api: ndjson(...events) }
      await loadInto(bucketFirst, { sources: [bucket.source()] })
      expect(countsOf(await loadInto(bucketFirst, api))).toEqual([0, 300, 0, 0])
      await loadInto(apiFirst, api)
      expect(countsOf(await loadInto(apiFirst, { sources: [bucket.source()] }))).toEqual([0, 0, 300, 0])
      expect(await contentOf(bucketFirst)).toEqual(await contentOf(apiFirst))
    })

    it('leaves out objects that were last changed long before the days asked for, and only these', async () => {
      const bucket = await newBucket()
      await bucket.put({ 'a.json': lines(0, 10) })
      const listed = async (from: number): Promise<number> => {
        let count = 0
        for await (const _ of bucket.source().list({ from: new Date(from), to: null }, never)) count++
        return count
      }
      expect(await listed(Date.now())).toBe(1)
      expect(await listed(Date.now() + 10 * 86_400_000)).toBe(0)
    })

    it('says so when there is no object at all', async () => {
      const bucket = await newBucket()
      await expect(loadInto(newSink(), { sources: [bucket.source()] })).rejects.toMatchObject({
        message: expect.stringContaining('no object below'),
        advice: expect.stringContaining('wandb-audit-logs/'),
      })
    })
  })

  describe(`${name}: objects in an archive tier`, () => {
    it('are left out with a word on what to do, until they are restored; what is loaded already is not mentioned', async () => {
      const place = await newPlace()
      // Nothing in Google Cloud Storage has to be restored.
      if (place.archive === undefined) return expect(name).toContain('Google')
      const bucket = new Bucket(place)
      const key = `${place.prefix}b.json`
      await bucket.put({ 'a.json': lines(0, 10), 'b.json': lines(10, 20), 'c.json': lines(20, 30) })
      await place.archive(key, 'archived')
      const sink = newSink()
      const load = () => loadInto(sink, { sources: [bucket.source()] })
      const first = await load()
      expect(countsOf(first)).toEqual([20, 0, 0, 0])
      expect(first).toMatchObject({ documents: 2, failed: [] })
      const advice = expect.stringMatching(/^It is in .+ (?:Restore|Move) it.+ load again.*: docs\/\w+\.md\.$/)
      expect(first.archived).toEqual([{ documents: 1, example: bucket.idOf('b.json'), advice }])
      await place.archive(`${place.prefix}a.json`, 'archived')
      expect(await load()).toMatchObject({ documents: 0, skipped: 2, failed: [], archived: first.archived })
      await place.archive(key, 'restored')
      expect(await load()).toMatchObject({ documents: 1, skipped: 2, archived: [], failed: [] })
    })

    it('that the listing does not tell are left out all the same', async () => {
      const place = await newPlace()
      if (place.archive === undefined) return expect(name).toContain('Google')
      const bucket = new Bucket(place)
      await bucket.put({ 'a.json': lines(0, 10), 'b.json': lines(10, 20) })
      const source = afterListing(bucket.source(), async () => place.archive?.(`${place.prefix}b.json`, 'archived'))
      const summary = await loadInto(newSink(), { sources: [source] })
      expect(countsOf(summary)).toEqual([10, 0, 0, 0])
      expect(summary).toMatchObject({ failed: [], archived: [{ documents: 1, example: bucket.idOf('b.json') }] })
    })
  })

  describe(`${name}: whatever goes wrong on the way, the tables are those of an undisturbed load`, () => {
    /** What is in the bucket by then, loaded with nothing in the way. */
    async function undisturbed(bucket: Bucket): Promise<Readonly<Record<string, readonly RowObject[]>>> {
      const sink = newSink()
      await loadInto(sink, { sources: [bucket.source()] })
      return tablesOf(sink)
    }

    it.each<[string, (faults: StoreFaults) => void]>([
      ['requests are throttled', (faults) => faults.throttle()],
      ['connections are reset', (faults) => faults.reset()],
      ['bodies break off', (faults) => [0, 1000].map((bytes) => faults.breakRead('reset', bytes))],
      [
        'bodies end early as if they were whole',
        (faults) => [0, 1000].map((bytes) => faults.breakRead('short', bytes)),
      ],
      ['a body arrives byte by byte', (faults) => faults.pieceRead()],
    ])('%s', async (_what, goWrong) => {
      const bucket = await filled()
      goWrong(bucket.faults)
      const source = afterListing(bucket.source(), async () => goWrong(bucket.faults))
      const sink = newSink()
      expect(await loadInto(sink, { sources: [source] })).toMatchObject({ documents: 4, failed: [] })
      expect(bucket.faults.left()).toBe(0)
      expect(await tablesOf(sink)).toEqual(await undisturbed(bucket))
      expect(await loadInto(sink, { sources: [bucket.source()] })).toMatchObject({ documents: 0, skipped: 4 })
    })

    it('an object changes after it was listed: what is there now is read, and known', async () => {
      const bucket = await filled()
      await bucket.put({ 'a.json': lines(0, 5) })
      const source = afterListing(bucket.source(), () => bucket.put({ 'a.json': CONTENTS['a.json'] as string }))
      const sink = newSink()
      await loadInto(sink, { sources: [source] })
      expect(await tablesOf(sink)).toEqual(await undisturbed(bucket))
      expect(await loadInto(sink, { sources: [bucket.source()] })).toMatchObject({ documents: 0, skipped: 4 })
    })

    it('an object changes while it is read: nothing of the old one stays', async () => {
      const bucket = await newBucket()
      const before = lines(0, 900)
      await bucket.put({ 'a.json': before })
      bucket.faults.breakRead('short', 1000)
      let changed = false
      const source = amidReading(bucket.source(), async () => {
        if (!changed) await bucket.put({ 'a.json': lines(500, 1000) })
        changed = true
      })
      const sink = newSink()
      expect(countsOf(await loadInto(sink, { sources: [source] }))).toEqual([500, 0, 0, 0])
      expect(await loadInto(sink, { sources: [bucket.source()] })).toMatchObject({ documents: 0, skipped: 1 })
    })

    it('an object is removed after it was listed: that is no error', async () => {
      const bucket = await filled()
      await bucket.put({ 'gone.json': lines(0, 5) })
      const sink = newSink()
      const source = afterListing(bucket.source(), () => bucket.remove('gone.json'))
      expect(await loadInto(sink, { sources: [source] })).toMatchObject({ documents: 4, failed: [] })
      expect(await tablesOf(sink)).toEqual(await undisturbed(bucket))
    })
  })
}
