import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AUDIT_CONFLICTS } from '../../../schemas/tables.js'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import { filesOf, readManifest, replaceManifest } from '../../../sinks/fabric/manifest.js'
import { list, OWN } from '../../../sinks/fabric/zone.js'
import { AuditError } from '../../../src/errors.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { countsOf, loadInto, ndjson, never, newFolder } from '../../support/load.js'
import type { Kept } from '../../support/memory-store.js'
import { mortal } from '../../support/mortal-store.js'
import { contentOf, rowsOf, tableOf } from '../../support/rows.js'
import { catchUp, newPlace, newPlaceInMemory, type Place, ROOT } from './place.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)

afterAll(() => azurite.close())

const event = (i: number, more: object = {}): object => ({
  timestamp: `2026-10-0${1 + (i % 2)}T12:00:00Z`,
  action: 'user:login',
  actor_user_id: i,
  ...more,
})
const BEFORE = { bucket: ndjson(event(1, { artifact_digest: 'planted' }), event(2), 'bad') }
const AFTER = {
  'https://acme.wandb.io': ndjson(
    event(1, { user_email: 'ada@example.com' }),
    event(3, { run_asset: 1 }),
    event(4),
    'worse',
  ),
}

async function expected(...inputs: readonly Readonly<Record<string, string>>[]) {
  const sink = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1, onWait() {} })
  for (const input of inputs) await loadInto(sink, input)
  return contentOf(sink)
}

/** Every file that nobody names any more is gone. */
async function leftovers({ zone }: Place): Promise<string[]> {
  const held = await readManifest(zone, never)
  const kept = held === null ? new Set() : filesOf(held.manifest)
  const left = []
  for await (const { key } of list(zone, `${OWN}/`, never)) if (!kept.has(key)) left.push(key)
  return left
}

// What dies before its next write has died after the last one.
describe('killed before or after any of its writes', () => {
  it('an empty landing zone is made ready by the next run', async () => {
    const wanted = await expected(BEFORE)
    for (let changes = 0, dead = true; dead; changes++) {
      const place = await newPlaceInMemory()
      const store = mortal(place.store, changes)
      await place
        .sink(store)
        .prepare()
        .catch(() => {})
      dead = store.dead
      await catchUp(place.replicator)
      expect(countsOf(await loadInto(place.mirrored(), BEFORE))).toEqual([2, 0, 0, 1])
      expect(await contentOf(place.mirrored())).toEqual(wanted)
    }
  }, 600_000)

  it('a load ends in the same tables when it is run again, and is counted once', async () => {
    const wanted = await expected(BEFORE, AFTER)
    const before = new Map<string, Kept>()
    await loadInto((await newPlaceInMemory(before)).sink(), BEFORE)
    for (let changes = 0, dead = true; dead; changes++) {
      const place = await newPlaceInMemory(new Map(before))
      const store = mortal(place.store, changes)
      await loadInto(place.sink(store), AFTER).catch(() => {})
      dead = store.dead
      if (changes % 2 === 0) await catchUp(place.replicator)
      await loadInto(place.mirrored(), AFTER)
      expect(await contentOf(place.mirrored())).toEqual(wanted)
      expect(await tableOf(place.mirrored(), AUDIT_CONFLICTS)).toMatchObject([{ other: 'planted', events: 1n }])
      const loads = await rowsOf(place.mirrored(), 'SELECT CAST(sum(inserted) AS INTEGER) AS n FROM audit_loads')
      expect(loads).toEqual([{ n: 4 }])
    }
  }, 600_000)
})

describe('the network', () => {
  const PARTS = `${ROOT}/wandb_audit.schema/audit_events/00000000000000000002.parquet`

  it.each([
    ['cut while a file is uploaded', { kind: 'reset', action: 'write', key: PARTS }],
    ['lost with the answer to an upload that arrived', { kind: 'lost-answer', action: 'write', key: PARTS }],
    ['lost with the answer to a commit', { kind: 'lost-answer', action: 'write', key: `${ROOT}/${OWN}/manifest.json` }],
    ['cut while a file is read', { kind: 'short', action: 'read', afterBytes: 10 }],
    ['throttled', { kind: 'refuse', action: 'write', status: 503, code: 'ServerBusy' }],
  ] as const)('%s: the load goes on, and loads once', async (_what, fault) => {
    const place = await newPlace(azurite)
    await place.sink().prepare()
    azurite.fail(fault)
    expect(countsOf(await loadInto(place.sink(), BEFORE))).toEqual([2, 0, 0, 1])
    expect(azurite.faultsLeft).toBe(0)
    expect(await contentOf(place.mirrored())).toEqual(await expected(BEFORE))
    expect(place.replicator.stopped.size).toBe(0)
    expect(await leftovers(place)).toEqual([])
  })

  it('gone while a committed batch is published: the run fails and says so, the next one publishes', async () => {
    const place = await newPlace(azurite)
    await place.sink().prepare()
    azurite.fail({ kind: 'refuse', action: 'write', key: PARTS, status: 500, code: 'InternalError', times: 4 })
    await expect(loadInto(place.sink(), BEFORE)).rejects.toMatchObject({
      message: expect.stringMatching(/the batch is loaded, but publishing it failed/),
      advice: expect.stringContaining('Run again'),
    })
    const again = await loadInto(place.mirrored(), BEFORE)
    expect(again).toMatchObject({ documents: 0, skipped: 1 })
    expect(await contentOf(place.mirrored())).toEqual(await expected(BEFORE))
  })
})

async function bytesOf({ store }: Place, key: string): Promise<Buffer> {
  const object = await store.find(key, never)
  const reading = object === null ? null : await store.read(object, 0, never)
  const parts: Uint8Array[] = []
  for await (const chunk of reading?.chunks ?? []) parts.push(chunk)
  return Buffer.concat(parts)
}

describe('numbers', () => {
  const numbered = (number: number): string =>
    `${ROOT}/wandb_audit.schema/audit_events/${String(number).padStart(20, '0')}.parquet`

  it('follow the highest one there, also after the service took away all but the last', async () => {
    const place = await newPlace(azurite)
    for (let i = 1; i <= 4; i++) {
      await loadInto(place.sink(), { [`document ${i}`]: ndjson(event(i)) })
      if (i % 2 === 0) await catchUp(place.replicator)
    }
    const keys = []
    for await (const { key } of place.store.list(`${ROOT}/wandb_audit.schema/audit_events/0`, never)) keys.push(key)
    expect(keys).toEqual([numbered(5)])
    expect(place.replicator.stopped.size).toBe(0)
  })

  it("that somebody else's file has are passed over", async () => {
    const place = await newPlace(azurite)
    await place.sink().prepare()
    const bytes = await bytesOf(place, numbered(1))
    const write = (): Promise<string | null> => place.store.write(numbered(2), bytes, 'absent', never)
    // In the very moment between looking for the highest number and taking the next.
    azurite.fail({ kind: 'before', action: 'write', key: numbered(2), run: async () => void (await write()) })
    await loadInto(place.sink(), BEFORE)
    expect(await place.store.find(numbered(3), never)).not.toBeNull()
    await loadInto(place.sink(), AFTER)
    expect(await contentOf(place.mirrored())).toEqual(await expected(BEFORE, AFTER))
    expect(place.replicator.stopped.size).toBe(0)
  })

  it('are right though the service takes files away in that moment', async () => {
    const place = await newPlace(azurite)
    await loadInto(place.sink(), BEFORE)
    azurite.fail({ kind: 'before', action: 'write', key: numbered(3), run: () => catchUp(place.replicator) })
    await loadInto(place.sink(), AFTER)
    expect(azurite.faultsLeft).toBe(0)
    expect(await place.store.find(numbered(2), never)).not.toBeNull()
    expect(await contentOf(place.mirrored())).toEqual(await expected(BEFORE, AFTER))
    expect(place.replicator.stopped.size).toBe(0)
  })

  it('are taken anew for a file that may have been published and is taken away: it is applied once more', async () => {
    const place = await newPlace(azurite)
    await place.sink().prepare()
    const key = `${ROOT}/${OWN}/manifest.json`
    // The commit goes well; that the files are published cannot be noted any more.
    azurite.fail({ kind: 'before', action: 'write', key, run() {} })
    azurite.fail({ kind: 'refuse', action: 'write', key, status: 500, code: 'InternalError', times: 4 })
    await expect(loadInto(place.sink(), BEFORE)).rejects.toThrow(/publishing it failed/)
    await place.store.write(numbered(3), await bytesOf(place, numbered(1)), 'absent', never)
    await catchUp(place.replicator)
    expect(await place.store.find(numbered(2), never)).toBeNull()
    await loadInto(place.sink(), AFTER)
    expect(await place.store.find(numbered(5), never)).not.toBeNull()
    expect(await contentOf(place.mirrored())).toEqual(await expected(BEFORE, AFTER))
    expect(place.replicator.stopped.size).toBe(0)
  })

  it.each([
    ['the service took the others and a cleanup takes it too', true],
    ['it alone is deleted, as in the repair of a failing file', false],
  ])('go on after the last file is lost, which is put back: %s', async (_what, applied) => {
    const place = await newPlace(azurite)
    await loadInto(place.sink(), BEFORE)
    const bytes = await bytesOf(place, numbered(2))
    if (applied) await catchUp(place.replicator)
    await place.store.remove(numbered(2), never)
    await catchUp(place.replicator)
    await loadInto(place.sink(), AFTER)
    expect(await bytesOf(place, numbered(2))).toEqual(bytes)
    expect(place.notices).toContainEqual(expect.stringMatching(/the last file of audit_events, 2, .* put back/))
    expect(await contentOf(place.mirrored())).toEqual(await expected(BEFORE, AFTER))
    expect(place.replicator.stopped.size).toBe(0)
    expect(await leftovers(place)).toEqual([])
  })

  it('are not guessed when the folder was emptied', async () => {
    const place = await newPlace(azurite)
    await loadInto(place.sink(), BEFORE)
    for (const number of [1, 2]) await place.store.remove(numbered(number), never)
    await place.store.remove(`${ROOT}/wandb_audit.schema/audit_events/_metadata.json`, never)
    await expect(loadInto(place.sink(), AFTER)).rejects.toMatchObject({
      message: expect.stringMatching(/does not hold its file 2, which always stays/),
    })
    expect(await place.store.find(numbered(3), never)).toBeNull()
  })
})

describe('what an operator removes', () => {
  async function removeAll({ store }: Place, folder: string): Promise<void> {
    const keys = []
    for await (const { key } of store.list(`${ROOT}/${folder}/`, never)) keys.push(key)
    for (const key of keys) await store.remove(key, never)
  }

  it("the product's own files: everything is read again, nothing is doubled and no name is lost", async () => {
    const place = await newPlace(azurite)
    const all = [BEFORE, AFTER]
    for (const input of all) await loadInto(place.sink(), input)
    await catchUp(place.replicator)
    await removeAll(place, OWN)
    await loadInto(place.sink(), BEFORE)
    // What outranked a name is not known any more, until it is read again.
    const hashes = async (content: Awaited<ReturnType<typeof expected>>) =>
      content.audit_events?.map(({ content_hash }) => content_hash)
    expect(await hashes(await contentOf(place.mirrored()))).toEqual(await hashes(await expected(...all)))
    await loadInto(place.sink(), AFTER)
    expect(await contentOf(place.mirrored())).toEqual(await expected(...all))
    expect(place.replicator.stopped.size).toBe(0)
  })

  it('both folders, as the guide says, to start anew', async () => {
    const place = await newPlace(azurite)
    await loadInto(place.sink(), BEFORE)
    await catchUp(place.replicator)
    for (const folder of [OWN, 'wandb_audit.schema']) await removeAll(place, folder)
    await catchUp(place.replicator)
    await loadInto(place.sink(), AFTER)
    expect(await contentOf(place.mirrored())).toEqual(await expected(AFTER))
    expect(place.replicator.stopped.size).toBe(0)
  })
})

it('files of killed loads are swept after a day', async () => {
  const place = await newPlace(azurite)
  await loadInto(place.sink(), BEFORE)
  await loadInto(place.sink(mortal(place.store, 3)), AFTER).catch(() => {})
  expect((await leftovers(place)).length).toBeGreaterThan(0)
  await place.sink().prepare()
  expect((await leftovers(place)).length).toBeGreaterThan(0)
  const yesterday = {
    ...place.store,
    async *list(prefix: string, signal: AbortSignal) {
      for await (const object of place.store.list(prefix, signal))
        yield { ...object, lastModified: new Date(object.lastModified.getTime() - 25 * 3_600_000) }
    },
  }
  await place.sink(yesterday).prepare()
  expect(await leftovers(place)).toEqual([])
  expect(await contentOf(place.mirrored())).toEqual(await expected(BEFORE))
})

describe('the sweep', () => {
  const lateListing = (place: Place, list: Place['store']['list']) => ({ ...place.store, list })

  it("leaves other programs' files alone", async () => {
    const place = await newPlace(azurite)
    await loadInto(place.sink(), BEFORE)
    const foreign = ['notes.txt', 'days/mine.parquet', 'other.parquet', 'audit_loads/copy.parquet']
    for (const name of foreign) await place.store.write(`${ROOT}/${OWN}/${name}`, Buffer.from('x'), 'absent', never)
    const old = lateListing(place, async function* (prefix, signal) {
      for await (const object of place.store.list(prefix, signal)) yield { ...object, lastModified: new Date(0) }
    })
    await place.sink(old).prepare()
    expect((await leftovers(place)).sort()).toEqual(foreign.map((name) => `${OWN}/${name}`).sort())
  })

  it('that fails is reported, and the load goes on', async () => {
    const place = await newPlace(azurite)
    const broken = lateListing(place, (prefix, signal) => {
      if (prefix.endsWith(`${OWN}/`)) throw new AuditError('the listing failed')
      return place.store.list(prefix, signal)
    })
    expect(countsOf(await loadInto(place.sink(broken), BEFORE))).toEqual([2, 0, 0, 1])
    expect(place.notices).toContainEqual(expect.stringMatching(/could not be removed: the listing failed/))
  })
})

it('changed columns wait until Fabric has taken the files before them', async () => {
  const place = await newPlace(azurite)
  for (const input of [BEFORE, AFTER]) await loadInto(place.sink(), input)
  const held = await readManifest(place.zone, never)
  if (held === null) throw new Error('there is no manifest')
  const { audit_loads } = held.manifest.tables
  const tables = { ...held.manifest.tables, audit_loads: { number: 3, last: null, ...audit_loads, opening: 'older' } }
  await replaceManifest(place.zone, held, { ...held.manifest, tables }, never)
  await expect(place.sink().prepare()).rejects.toMatchObject({
    message: expect.stringMatching(/changes the columns or fixed rows of audit_loads, and Fabric has not taken 2 /),
    outside: true,
  })
  await catchUp(place.replicator)
  await place.sink().prepare()
  expect((await readManifest(place.zone, never))?.manifest.tables.audit_loads?.number).toBe(4)
})

it('a batch that is committed and not published is in the counts of the run', async () => {
  const place = await newPlace(azurite)
  await place.sink().prepare()
  const key = `${ROOT}/wandb_audit.schema/audit_events/00000000000000000002.parquet`
  azurite.fail({ kind: 'refuse', action: 'write', key, status: 500, code: 'InternalError', times: 4 })
  const other = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1, onWait() {} })
  const summary = await loadInto(place.sink(), BEFORE, { sinks: [place.sink(), other] })
  expect(summary.sinks).toMatchObject([
    { error: expect.stringMatching(/publishing it failed/), read: 3, inserted: 2, rejected: 1 },
    { error: null, read: 3 },
  ])
})
