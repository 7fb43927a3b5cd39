/** `doctor --probe` on each stand-in: it proves a healthy one, says what a misbehaving one does, and leaves nothing behind. */

import { describe, expect, it } from 'vitest'
import { openSink } from '../../sinks/index.js'
import type { Sink } from '../../src/contract.js'
import { archiveSubject } from '../../src/doctor/places.js'
import { AuditError } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { openStore } from '../../src/stores/index.js'
import { probeLocks, probeWrites } from '../../src/stores/probe.js'
import { ACCOUNT } from '../emulators/azurite.js'
import { outcomesOf } from '../support/checks.js'
import { loadInto, ndjson, never } from '../support/load.js'
import { memoryStore } from '../support/memory-store.js'
import { storePlaces } from '../support/store-places.js'

const places = storePlaces(
  { buckets: ['place', 'locked', 'default'], objectLock: ['locked', 'default'], defaultRetention: ['default'] },
  { buckets: ['place', 'locked', 'policy'], objectRetention: ['locked'], retentionPolicy: ['policy'] },
  'place',
)

type Header = 'if-match' | 'if-none-match'

const STORES: readonly [string, () => { readonly address: string; ignore(header: Header): void }][] = [
  [
    'S3',
    () => ({
      address: `s3://place?endpoint=${places.s3.url}`,
      ignore: (header) =>
        places.s3.fail({ kind: 'unconditional', header, action: 'PutObject', times: header === 'if-match' ? 4 : 2 }),
    }),
  ],
  [
    'Google Cloud Storage',
    () => ({
      address: `gs://place?endpoint=${places.gcs.url}`,
      ignore: (header) =>
        places.gcs.fail({ kind: 'unconditional', header, action: 'write', times: header === 'if-match' ? 4 : 2 }),
    }),
  ],
  [
    'Azure',
    () => ({
      address: `az://${ACCOUNT}/place?endpoint=${places.azurite.endpoint}`,
      ignore: (header) =>
        places.azurite.fail({ kind: 'unconditional', header, action: 'write', times: header === 'if-match' ? 4 : 2 }),
    }),
  ],
]

async function keysIn(store: ObjectStore): Promise<string[]> {
  const keys = []
  for await (const { key } of store.list('', never)) keys.push(key)
  return keys
}

describe.each(STORES)('a probe of %s', (_name, place) => {
  it('proves that it does what loads rely on, and leaves nothing', async () => {
    const { store } = await openStore(place().address)
    expect(await probeWrites(store, 'deep/probe-', never)).toMatch(/^conditional writes work; .* is gone$/)
    expect(await keysIn(store)).toEqual([])
    await store.close()
  })

  it.each([
    ['if-none-match', 'only if there is none (If-None-Match)'],
    ['if-match', 'a version other than the one named (If-Match)'],
  ] as const)('says that it ignores %s, and leaves nothing', async (header, says) => {
    const { address, ignore } = place()
    const { store } = await openStore(address)
    ignore(header)
    await expect(probeWrites(store, 'probe-', never)).rejects.toThrow(says)
    expect(await keysIn(store)).toEqual([])
    await store.close()
  })
})

async function denied(): Promise<void> {
  throw new AuditError('denied')
}

describe('a probe of a store', () => {
  const FAULTS: readonly [string, (store: ObjectStore) => Partial<ObjectStore>, string][] = [
    [
      'damages bytes',
      (store) => ({
        async read(object, from, signal) {
          const reading = await store.read(object, from, signal)
          return (
            reading && {
              ...reading,
              chunks: (async function* () {
                yield Buffer.from('other')
              })(),
            }
          )
        },
      }),
      'it returned bytes other than those written',
    ],
    [
      'has a wrong checksum',
      (store) => ({
        async read(object, from, signal) {
          const reading = await store.read(object, from, signal)
          return reading && { ...reading, checksum: { algorithm: 'md5', digest: 'AAAA' } }
        },
      }),
      'its checksum is not that of the bytes',
    ],
    ['lists late', () => ({ async *list() {} }), 'what was just written is not listed'],
    ['loses what is written', () => ({ read: async () => null }), 'what was just written cannot be read'],
    [
      'refuses to remove what it damaged',
      () => ({ read: async () => null, remove: denied }),
      'probe-probe could not be removed: denied',
    ],
    ['does not remove', () => ({ async remove() {} }), 'a removed object is still found'],
  ]

  it.each(FAULTS)('that %s says so', async (_name, fault, says) => {
    const store = memoryStore()
    await expect(probeWrites({ ...store, ...fault(store) }, 'probe-', never)).rejects.toThrow(says)
  })

  it('that lets nobody remove anything is proven, and its object named', async () => {
    const store = memoryStore()
    expect(await probeWrites({ ...store, remove: denied }, 'deep/probe-', never)).toEqual({
      warning: expect.stringMatching(
        /^conditional writes work; .*; its object deep\/probe-probe could not be removed: denied$/,
      ),
      cure: expect.stringContaining('Remove it by hand.'),
    })
    expect(await keysIn(store)).toEqual(['deep/probe-probe'])
  })

  it('removes its object after an interrupt, too', async () => {
    const store = memoryStore()
    const stop = new AbortController()
    const interrupting: ObjectStore = {
      ...store,
      async read() {
        stop.abort()
        throw new AuditError('interrupted')
      },
    }
    await expect(probeWrites(interrupting, 'probe-', stop.signal)).rejects.toThrow('interrupted')
    expect(await keysIn(store)).toEqual([])
  })
})

describe('a probe of locks', () => {
  const BRIEF = { lastsMs: 500, marginMs: 1 }

  it.each([
    ['S3', () => `s3://locked/kept?endpoint=${places.s3.url}`],
    ['Google Cloud Storage', () => `gs://locked/kept?endpoint=${places.gcs.url}`],
  ])(
    'proves them in %s',
    async (_name, address) => {
      const { store } = await openStore(address())
      expect(await probeLocks(store, 'probe-', never, BRIEF)).toContain('locked for as long as requested')
      await store.close()
    },
    30_000,
  )

  it('says where there are none', async () => {
    await expect(probeLocks(memoryStore(), 'probe-', never)).rejects.toThrow('it cannot lock objects')
    const { store } = await openStore(`s3://locked?endpoint=${places.s3.url}`)
    const forgetful: ObjectStore = {
      ...store,
      write: (key, content, condition, signal) => store.write(key, content, condition, signal),
    }
    await expect(probeLocks(forgetful, 'other-', never, BRIEF)).rejects.toThrow('written with a lock has none')
    await store.close()
  }, 30_000)

  it('names the object that it may not remove', async () => {
    const { store } = await openStore(`s3://locked?endpoint=${places.s3.url}`)
    const proven = await probeLocks({ ...store, remove: denied }, 'kept/mine-', never, BRIEF)
    expect(proven).toMatch(/; its object kept\/mine-lock could not be removed: denied$/)
    await store.close()
  })
})

describe('a probe of an archive', () => {
  const checksOf = (store: ObjectStore, retain = false) =>
    archiveSubject({ store, prefix: '', id: 'kept' }, retain, new Date(), 'probe').checks

  it('is one of its locks if documents are to be locked', () => {
    expect(checksOf(memoryStore(), true).map(({ name }) => name)).toEqual(['locks', 'probe: lock'])
  })

  const many = Array.from({ length: 200 }, () => null)
  const [past, future] = [new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000)]

  it.each([
    ['that locks by itself', [future], null, 'the bucket locks new objects by default'],
    ['whose first lock has ended', [past, null], null, 'the bucket locks new objects by default'],
    ['whose first objects had no lock', [...many, future], null, 'the bucket locks new objects by default'],
    ['that locks what is written from now on', [null], true, 'the bucket locks new objects by default'],
    ['with a lock of one object', [past], false, 'the bucket locks new objects by default'],
    ['that is too large to look at', [...many, null], null, 'more than 200 objects'],
    ['that is empty', [], null, 'it is empty'],
  ])('%s writes nothing', async (_name, locked, locksByItself, says) => {
    const store: ObjectStore = {
      ...memoryStore(),
      locksByItself: async () => locksByItself,
      async *locks() {
        for (const until of locked) yield { key: 'a', until }
      },
      async write() {
        throw new Error('nothing must be written')
      },
    }
    const outcomes = await outcomesOf(checksOf(store))
    expect(outcomes.at(-1)).toEqual([
      'probe: writing',
      expect.objectContaining({ warning: expect.stringContaining(says) }),
    ])
  })
})

it.each([
  ['S3', () => `s3://default?endpoint=${places.s3.url}`],
  ['Google Cloud Storage', () => `gs://policy?endpoint=${places.gcs.url}`],
])('nothing is written, by a sink either, to a bucket of %s that locks by itself', async (_name, address) => {
  const { store } = await openStore(address())
  expect(await store.locksByItself?.(never)).toBe(true)
  for (const probe of [probeWrites, probeLocks])
    expect(await probe(store, 'probe-', never)).toMatchObject({
      warning: expect.stringContaining('nothing was written'),
    })
  expect(await keysIn(store)).toEqual([])
  await store.close()
})

it.each([
  ['S3', () => `s3://place?endpoint=${places.s3.url}`, false],
  ['S3 with Object Lock', () => `s3://locked?endpoint=${places.s3.url}`, false],
  ['Google Cloud Storage', () => `gs://place?endpoint=${places.gcs.url}`, false],
  ['Azure, which a SAS may not ask', () => `az://${ACCOUNT}/place?endpoint=${places.azurite.endpoint}`, null],
])('a bucket without a lock of its own says so in %s', async (_name, address, says) => {
  const { store } = await openStore(address())
  expect(await store.locksByItself?.(never)).toBe(says)
  await store.close()
})

it('a user who may not ask a bucket whether it locks does not know', async () => {
  const { store } = await openStore(`s3://default?endpoint=${places.s3.url}`)
  places.s3.fail({ kind: 'refuse', code: 'AccessDenied', action: 'GetObjectLockConfiguration' })
  expect(await store.locksByItself?.(never)).toBeNull()
  await store.close()
})

it.each([
  ['a lake', () => `parquet+s3://place/lake?endpoint=${places.s3.url}`],
  ['a Delta Lake', () => `delta+s3://place/delta?endpoint=${places.s3.url}`],
  ['Fabric', () => `fabric://place/audit?endpoint=${places.azurite.endpoint}`],
])('%s is probed after a load, and what it holds stays the same', async (_name, address) => {
  const sink: Sink = await openSink(address(), { waitMs: 1, signal: never, onNotice() {} })
  await sink.prepare()
  await loadInto(sink, { a: ndjson({ timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }) })
  expect(await outcomesOf([...(sink.checks?.() ?? []), ...(sink.probes?.('wandb_audit_doctor_1') ?? [])])).toEqual(
    expect.arrayContaining([['probe: writing', expect.stringContaining('conditional writes work')]]),
  )
  expect((await sink.receipts('source')).size + (await sink.receipts('test')).size).toBeLessThan(3)
  expect(places.s3.keys('place').filter((key) => key.includes('doctor'))).toEqual([])
  await sink.close()
})
