/** What loads do to keep Delta tables fast, and what they leave alone. */

import { describe, expect, it } from 'vitest'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import { deltaIn } from '../../sinks/delta/index.js'
import { tablesIn } from '../../sinks/delta/tables.js'
import { AuditError } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { countsOf, loadInto, ndjson, never } from '../support/load.js'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { eventsOf } from '../support/rows.js'

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
async function commitsUpTo({ store }: MemoryLake, version: number): Promise<void> {
  for (let next = 0; next <= version; next++)
    await store.write(commit(next), Buffer.from('{"commitInfo":{}}\n'), 'absent', never)
}

const filesOf = async (lake: MemoryLake): Promise<number> =>
  (await tablesIn(lake).current(AUDIT_EVENTS, never)).files.size

describe('maintaining Delta tables', () => {
  it('makes many small files of a day one, without a change of their rows', async () => {
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

  it('that fails is said, and costs the load nothing', async () => {
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
