/** What loads do to keep Delta tables fast, and what they leave alone. */

import { readdirSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { AUDIT_EVENTS, AUDIT_REJECTS } from '../../schemas/tables.js'
import { deltaIn, deltaSink } from '../../sinks/delta/index.js'
import { tablesIn } from '../../sinks/delta/tables.js'
import { openLake } from '../../sinks/shared/lake.js'
import { AuditError, EXIT } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { changingThrough } from '../support/lake-loads.js'
import { countsOf, loadInto, ndjson, never, newFolder } from '../support/load.js'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { eventsOf, rowsOf, tableOf } from '../support/rows.js'

const DAY_MS = 86_400_000
const event = (id: number, more: object = {}) => ({
  timestamp: '2026-10-01T12:34:56Z',
  action: 'user:login',
  actor_user_id: id,
  ...more,
})
const LOG = 'audit_events/_delta_log/'
const commit = (version: number): string => `${LOG}${String(version).padStart(20, '0')}.json`
const checkpoint = (version: number): string => commit(version).replace('.json', '.checkpoint.parquet')

/** Commits of somebody else that change nothing, up to a version. */
async function commitsUpTo({ store }: MemoryLake, version: number, table = 'audit_events'): Promise<void> {
  for (let next = 0; next <= version; next++) {
    const key = commit(next).replace('audit_events', table)
    await store.write(key, Buffer.from('{"commitInfo":{}}\n'), 'absent', never)
  }
}

const filesOf = async (lake: MemoryLake): Promise<number> =>
  (await tablesIn(lake).current(AUDIT_EVENTS, never)).files.size

describe('maintaining Delta tables', () => {
  it("compacts a day's many small files into one without changing rows", async () => {
    const lake = memoryLake()
    const sink = deltaIn(lake, never)
    const documents = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`d${i}`, ndjson(event(i))]))
    await loadInto(sink, documents, { batchBytes: 1 })
    expect(await filesOf(lake)).toBe(10)
    const before = await eventsOf(sink)
    await loadInto(sink, { last: ndjson(event(10)) })
    expect(await filesOf(lake)).toBe(1)
    expect((await eventsOf(sink)).filter(({ source_document }) => source_document !== 'last')).toEqual(before)
    const lines = [...lake.objects].filter(([key]) => key.startsWith(LOG)).map(([, { bytes }]) => String(bytes))
    const optimized = lines.find((text) => text.includes('OPTIMIZE')) ?? ''
    expect(optimized.match(/"dataChange":false/g)).toHaveLength(12)
    expect(optimized).not.toContain('"dataChange":true')
    expect(countsOf(await loadInto(sink, { again: ndjson(event(3), event(11)) }))).toEqual([1, 0, 1, 0])
    await sink.close()
  })

  it('writes a checkpoint every ten commits, from which the table is read without the log before it', async () => {
    const lake = memoryLake()
    const sink = deltaIn(lake, never)
    await loadInto(sink, { a: ndjson(event(1), event(2)) })
    await commitsUpTo(lake, 9)
    await loadInto(sink, { b: ndjson(event(3, { timestamp: '0001-01-01T00:00:00Z' })) })
    expect(lake.objects.has(checkpoint(10))).toBe(true)
    expect(JSON.parse(String(lake.objects.get(`${LOG}_last_checkpoint`)?.bytes))).toMatchObject({
      version: 10,
      numOfAddFiles: 2,
    })
    await sink.close()
    const whole = await tablesIn(lake).current(AUDIT_EVENTS, never)
    for (let version = 0; version <= 10; version++) await lake.store.remove(commit(version), never)
    const read = await tablesIn(lake).current(AUDIT_EVENTS, never)
    expect([read.version, read.checkpoint]).toEqual([10, 10])
    expect(read.metaData).toMatchObject({ ...whole.metaData })
    expect([...read.files.keys()]).toEqual([...whole.files.keys()])
    const later = deltaIn(lake, never)
    expect(countsOf(await loadInto(later, { c: ndjson(event(2), event(4)) }))).toEqual([1, 0, 1, 0])
    expect(await eventsOf(later)).toHaveLength(4)
    await later.close()
  })

  it('removes commits that are old and before an old checkpoint, and no others', async () => {
    const lake = memoryLake()
    const sink = deltaIn(lake, never)
    await loadInto(sink, { a: ndjson(event(1)) })
    await commitsUpTo(lake, 9)
    await loadInto(sink, { b: ndjson(event(2)) })
    await commitsUpTo(lake, 19)
    await loadInto(sink, { c: ndjson(event(3)) })
    // All objects of this store are old; the checkpoint before the newest one is where time travel begins.
    const there = Array.from({ length: 21 }, (_, version) => version).filter((version) =>
      lake.objects.has(commit(version)),
    )
    expect(there).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
    expect(lake.objects.has(checkpoint(10)) && lake.objects.has(checkpoint(20))).toBe(true)
    const reader = deltaIn(lake, never)
    expect(await eventsOf(reader)).toHaveLength(3)
    for (const each of [sink, reader]) await each.close()
  })

  it('removes files a week after they were replaced, not before, and forgets them', async () => {
    const lake = memoryLake()
    const sink = deltaIn(lake, never)
    await loadInto(sink, { a: ndjson(event(1)) })
    const gone = (days: number) => ({ path: `event_date=2026-10-01/${days}.parquet`, days })
    const replaced = [gone(6), gone(8)]
    for (const { path } of replaced) await lake.store.write(`audit_events/${path}`, Buffer.from('x'), 'absent', never)
    const removals = replaced.map(({ path, days }) => ({
      remove: { path, dataChange: true, deletionTimestamp: Date.now() - days * DAY_MS },
    }))
    const lines = removals.map((action) => JSON.stringify(action)).join('\n')
    await lake.store.write(commit(2), Buffer.from(lines), 'absent', never)
    await commitsUpTo(lake, 9)
    await loadInto(sink, { b: ndjson(event(2)) })
    const there = replaced.filter(({ path }) => lake.objects.has(`audit_events/${path}`))
    expect(there.map(({ days }) => days)).toEqual([6])
    const { removed } = await tablesIn(lake).current(AUDIT_EVENTS, never)
    expect([...removed.keys()]).toEqual(['event_date=2026-10-01/6.parquet'])
    await sink.close()
  })

  it('removes what an erasure replaced from a table that no load touches', async () => {
    const lake = memoryLake()
    const sink = deltaIn(lake, never)
    await loadInto(sink, { a: ndjson(event(1), '{"email":"eve@example.com"}') })
    const files = () => [...lake.objects.keys()].filter((key) => /^audit_rejects\/part-/.test(key))
    const [replaced = ''] = files()
    const none = { values: new Map(), extras: new Set(''), conflicts: new Set(''), parts: new Set('') }
    const [reject] = await tableOf(sink, AUDIT_REJECTS)
    await sink.erase?.({ ...none, rejects: new Set([String(reject?.reject_id)]) })
    // So that the newest version has a checkpoint, which readers may be at.
    await commitsUpTo(lake, 12, 'audit_rejects')
    await loadInto(sink, { b: ndjson(event(2)) })
    const rejects = () => tablesIn(lake).current(AUDIT_REJECTS, never)
    expect(await rejects()).toMatchObject({ version: 12, checkpoint: 12 })
    expect(files()).toHaveLength(2)
    const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 8 * DAY_MS)
    await loadInto(sink, { c: ndjson(event(3)) })
    expect(files()).toHaveLength(1)
    expect(files()).not.toContain(replaced)
    expect(await rejects()).toMatchObject({ version: 13, checkpoint: 13, removed: new Map() })
    now.mockRestore()
    await sink.close()
  })

  it('leaves removals to the engine once the owner of the table has set how long things are kept', async () => {
    const lake = memoryLake()
    const sink = deltaIn(lake, never)
    await loadInto(sink, { a: ndjson(event(1)) })
    const { metaData } = await tablesIn(lake).current(AUDIT_EVENTS, never)
    const path = 'event_date=2026-10-01/replaced.parquet'
    await lake.store.write(`audit_events/${path}`, Buffer.from('x'), 'absent', never)
    const configuration = {
      'delta.deletedFileRetentionDuration': 'interval 30 days',
      'delta.logRetentionDuration': 'interval 90 days',
    }
    const actions = [
      { metaData: { ...metaData, configuration } },
      { remove: { path, dataChange: true, deletionTimestamp: Date.now() - 8 * DAY_MS } },
    ]
    const lines = actions.map((action) => JSON.stringify(action)).join('\n')
    await lake.store.write(commit(2), Buffer.from(lines), 'absent', never)
    for (const version of [9, 19]) {
      await commitsUpTo(lake, version)
      await loadInto(sink, { [`until ${version}`]: ndjson(event(version)) })
    }
    expect(lake.objects.has(`audit_events/${path}`)).toBe(true)
    expect(lake.objects.has(commit(0)) && lake.objects.has(checkpoint(20))).toBe(true)
    await sink.close()
  })

  it('does not bring back a file that somebody else removes, under another spelling of its path', async () => {
    const lake = memoryLake()
    await loadInto(deltaIn(lake, never), { a: ndjson(event(1)) })
    const { files } = await tablesIn(lake).current(AUDIT_EVENTS, never)
    const [add] = [...files.values()]
    const { bytes } = lake.objects.get(`audit_events/${add?.path}`) ?? {}
    const adds = Array.from({ length: 11 }, (_, i) => ({ add: { ...add, path: `event_date=2026-10-01/${i}.parquet` } }))
    for (const { add } of adds)
      await lake.store.write(`audit_events/${add.path}`, bytes ?? Buffer.of(), 'absent', never)
    await lake.store.write(commit(2), Buffer.from(adds.map((each) => JSON.stringify(each)).join('\n')), 'absent', never)
    const remove = { path: 'event_date%3D2026-10-01/7.parquet', dataChange: true, deletionTimestamp: Date.now() }
    let isRemoved = false
    const store = changingThrough(lake.store, async (change, key) => {
      if (key === commit(4)) {
        isRemoved = true
        await lake.store.write(key, Buffer.from(JSON.stringify({ remove })), 'absent', never)
      }
      return change()
    })
    const sink = deltaIn({ ...lake, store }, never)
    await loadInto(sink, { b: ndjson(event(2, { timestamp: '2026-10-02T00:00:00Z' })) })
    expect(isRemoved).toBe(true)
    expect(await filesOf(lake)).toBe(2)
    // Of twelve equal files one is gone.
    expect(await rowsOf(sink, 'SELECT count(*) AS events FROM audit_events')).toEqual([{ events: 12n }])
    await sink.close()
  })

  it('keeps no copy of files that a load or an erasure replaced', async () => {
    const folder = newFolder()
    const sink = deltaIn({ ...memoryLake(), scratch: async () => folder }, never)
    const copies = () => readdirSync(folder).filter((name) => name.includes('audit_events'))
    await loadInto(sink, { a: ndjson(event(1)) })
    await loadInto(sink, { b: ndjson(event(1, { actor_email: 'eve@example.com' })) })
    expect(copies()).toEqual([])
    const none = { extras: new Set(''), conflicts: new Set(''), parts: new Set(''), rejects: new Set('') }
    await sink.erase?.({ ...none, values: new Map([['actor_email', new Set(['ada@example.com'])]]) })
    expect(copies()).toEqual([])
    await sink.close()
  })

  it('is left to an engine where the address says so', async () => {
    const folder = newFolder()
    const address = (option: string): string => `delta:${folder}/who? me${option}`
    const lake = await openLake('delta', address(''))
    const load = async (option: string, id: number): Promise<void> => {
      const sink = await deltaSink(address(option), never)
      await loadInto(sink, { [`${id}`]: ndjson(event(id)) })
      await sink.close()
    }
    await load('?maintenance=off', 1)
    for (let version = 2; version <= 9; version++)
      await lake.store.write(commit(version), Buffer.from('{"commitInfo":{}}\n'), 'absent', never)
    await load('?maintenance=off', 2)
    expect(await tablesIn(lake).current(AUDIT_EVENTS, never)).toMatchObject({ version: 10, checkpoint: -1 })
    await load('', 3)
    expect(await tablesIn(lake).current(AUDIT_EVENTS, never)).toMatchObject({ version: 11, checkpoint: 11 })
    await expect(deltaSink(address('?maintenance=on'), never)).rejects.toMatchObject({ exitCode: EXIT.usage })
  })

  it('reports a failure, and the load still counts', async () => {
    const lake = memoryLake()
    const store: ObjectStore = {
      ...lake.store,
      async write(key, ...rest) {
        if (key.endsWith('.checkpoint.parquet')) throw new AuditError('no room for it')
        return lake.store.write(key, ...rest)
      },
    }
    const notices: string[] = []
    const sink = deltaIn({ ...lake, store }, never, (text) => notices.push(text))
    await loadInto(sink, { a: ndjson(event(1)) })
    await commitsUpTo(lake, 9)
    expect(countsOf(await loadInto(sink, { b: ndjson(event(2)) }))).toEqual([1, 0, 0, 0])
    expect(notices).toEqual([expect.stringMatching(/the load is done, maintaining its tables failed: no room for it/)])
    expect((await sink.receipts('test')).size).toBe(2)
    await sink.close()
  })
})
