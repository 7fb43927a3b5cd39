/** Versions of files: what an earlier layout left, what a killed load left, and what readers find meanwhile. */

import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lakeSink } from '../../sinks/parquet/index.js'
import { LAKE_LAYOUT } from '../../sinks/parquet/layout.js'
import { type Lake, openLake } from '../../sinks/shared/lake.js'
import { AuditError } from '../../src/errors.js'
import type { ObjectStore, StoredObject } from '../../src/stores/contract.js'
import { markIn, withDuckDB } from '../support/lake.js'
import { countsOf, loadInto, ndjson, never, newFolder } from '../support/load.js'
import { memoryLake } from '../support/memory-lake.js'
import { contentOf, eventsOf, rowsOf } from '../support/rows.js'

const on = (day: number, user = 1) => ({
  timestamp: `2026-10-0${day}T12:00:00Z`,
  action: 'user:login',
  actor_user_id: user,
})
const dayOf = (day: number): string => `audit_events/event_date=2026-10-0${day}`

async function folderLake(): Promise<{ folder: string; lake: Lake }> {
  const folder = newFolder()
  return { folder, lake: await openLake('parquet', `parquet:${folder}`) }
}

const namesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.parquet'))
    .sort()

/** From the first removal below the prefix on, nothing is carried out any more. */
function dyingBeforeRemoval(lake: Lake, prefix: string): Lake {
  let isDead = false
  const alive = (): void => {
    if (isDead) throw new AuditError('killed', { outside: true })
  }
  const { list, read, find, write, remove, ...rest } = lake.store
  const store: ObjectStore = {
    ...rest,
    list,
    async find(...given) {
      alive()
      return find(...given)
    },
    async read(...given) {
      alive()
      return read(...given)
    },
    async write(...given) {
      alive()
      return write(...given)
    },
    async remove(key, signal) {
      isDead ||= key.startsWith(prefix)
      alive()
      return remove(key, signal)
    },
  }
  return { ...lake, store }
}

const countIn = (folder: string, files: string): Promise<unknown> =>
  withDuckDB(async (connection) => {
    const found = await connection.runAndReadAll(`SELECT count(*)::INT FROM read_parquet('${folder}/${files}')`)
    return found.getRows()[0]?.[0]
  })

describe('a lake of the first layout', () => {
  it('is taken over, file by file, as loads change them', async () => {
    const { folder, lake } = await folderLake()
    const sink = lakeSink(lake, never)
    await loadInto(sink, { a: ndjson(on(1), on(2), 'bad') })
    const content = await contentOf(sink)
    for (const name of namesBelow(folder))
      renameSync(join(folder, name), join(folder, name.replace('-00000001.parquet', '.parquet')))
    await markIn(lake.store, '').setLayout(1)
    expect(namesBelow(folder).filter((name) => /\d{8}\.parquet/.test(name))).toEqual([])
    expect(await contentOf(sink)).toEqual(content)
    expect((await sink.receipts('test')).size).toBe(1)

    expect(countsOf(await loadInto(sink, { a: ndjson(on(1), on(2), 'bad') }))).toEqual([0, 0, 0, 0])
    expect(countsOf(await loadInto(sink, { b: ndjson(on(1), on(1, 2)) }))).toEqual([1, 0, 1, 0])
    expect(await markIn(lake.store, '').layout()).toBe(LAKE_LAYOUT)
    expect(readdirSync(join(folder, dayOf(1)))).toEqual(['events-00000001.parquet'])
    expect(readdirSync(join(folder, dayOf(2)))).toEqual(['events.parquet'])
    expect(await eventsOf(sink)).toHaveLength(3)
    expect((await sink.receipts('test')).size).toBe(2)
    await sink.close()
  })
})

describe('a load that was killed after it wrote a new version, before it removed the old one', () => {
  async function killed(prefix: string): Promise<{ folder: string; lake: Lake }> {
    const { folder, lake } = await folderLake()
    await loadInto(lakeSink(lake, never), { a: ndjson(on(1), on(2)) })
    const dying = lakeSink(dyingBeforeRemoval(lake, prefix), never)
    await expect(loadInto(dying, { a: ndjson(on(1, 2), on(2, 2)) })).rejects.toThrow('killed')
    return { folder, lake }
  }
  const left = [
    'events-00000001.parquet',
    'events-00000001_being-replaced-read-again.parquet',
    'events-00000002.parquet',
  ]

  it('leaves a day that fails whoever reads all its files, by both patterns of the documentation, and not our readers', async () => {
    const { folder, lake } = await killed(dayOf(1))
    expect(readdirSync(join(folder, dayOf(1)))).toEqual(left)
    for (const pattern of ['audit_events/*/*.parquet', 'audit_events/event_date=*/events*.parquet'])
      await expect(countIn(folder, pattern)).rejects.toThrow(/events-00000001_being-replaced-read-again\.parquet/)
    const sink = lakeSink(lake, never)
    expect(await rowsOf(sink, 'SELECT count(*) AS events FROM audit_events')).toEqual([{ events: 3n }])
    await sink.close()
  })

  it('is finished by the next load, though that has nothing for the day', async () => {
    const { folder, lake } = await killed(dayOf(1))
    expect(readdirSync(join(folder, '_replacing'))).toHaveLength(1)
    const sink = lakeSink(lake, never)
    await loadInto(sink, { c: ndjson(on(3)) })
    expect(readdirSync(join(folder, dayOf(1)))).toEqual(['events-00000002.parquet'])
    expect(readdirSync(join(folder, '_replacing'))).toEqual([])
    expect(await countIn(folder, 'audit_events/*/*.parquet')).toBe(4)
    await sink.close()
  })

  it('is finished by the next load of the day, though that changes nothing and nobody has noted it', async () => {
    const { folder, lake } = await killed(dayOf(1))
    for await (const { key } of lake.store.list('_replacing/', never)) await lake.store.remove(key, never)
    const sink = lakeSink(lake, never)
    expect(countsOf(await loadInto(sink, { c: ndjson(on(1), on(1, 2)) }))).toEqual([0, 0, 2, 0])
    expect(readdirSync(join(folder, dayOf(1)))).toEqual(['events-00000002.parquet'])
    await sink.close()
  })

  it.each(['audit_loads', 'audit_documents'])('leaves no row twice in %s either', async (table) => {
    const { folder, lake } = await killed(`${table}/`)
    await expect(countIn(folder, `${table}/*.parquet`)).rejects.toThrow(/being-replaced-read-again\.parquet/)
    const sink = lakeSink(lake, never)
    await sink.prepare()
    const [counted] = await rowsOf(sink, `SELECT count(*)::INT AS rows FROM ${table}`)
    expect(await countIn(folder, `${table}/*.parquet`)).toBe(counted?.rows)
    await sink.close()
  })
})

describe('a question', () => {
  it('whose files are replaced after they were listed lists them again', async () => {
    const lake = memoryLake()
    const loader = lakeSink(lake, never)
    await loadInto(loader, { a: ndjson(on(1)) })
    let loads = 0
    const store: ObjectStore = {
      ...lake.store,
      async *list(prefix, signal) {
        const objects = []
        for await (const object of lake.store.list(prefix, signal)) objects.push(object)
        // Twice, so that a listed version and the one listed again are both gone.
        if (prefix.startsWith('audit_events/') && loads < 2)
          await loadInto(loader, { [`b${++loads}`]: ndjson(on(1, 10 + loads)) })
        yield* objects
      },
    }
    const reader = lakeSink({ ...lake, store }, never)
    expect(await rowsOf(reader, 'SELECT count(*) AS events FROM audit_events')).toEqual([{ events: 3n }])
    expect(loads).toBe(2)
  })

  it('over a listing that shows an old version of its first page beside the next but one reads the newest', async () => {
    const lake = memoryLake()
    const loader = lakeSink(lake, never)
    await loadInto(loader, { a: ndjson(on(1)) })
    const first: StoredObject[] = []
    for await (const object of lake.store.list(`${dayOf(1)}/`, never)) first.push(object)
    for (const user of [2, 3]) await loadInto(loader, { [`b${user}`]: ndjson(on(1, user)) })
    let tables = 0
    const store: ObjectStore = {
      ...lake.store,
      async *list(prefix, signal) {
        if (prefix === 'audit_events/' && ++tables > 0) yield* first
        yield* lake.store.list(prefix, signal)
      },
    }
    const reader = lakeSink({ ...lake, store }, never)
    expect(await rowsOf(reader, 'SELECT count(*) AS events FROM audit_events')).toEqual([{ events: 3n }])
    expect(tables).toBe(1)
  })
})
