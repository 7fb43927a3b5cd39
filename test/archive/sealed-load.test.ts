/** What a load seals, and how little it reads for that. */

import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type ArchivePlace, archiveAt } from '../../src/archive/archive.js'
import { parseKey } from '../../src/archive/format.js'
import { type Sealing, TOGETHER } from '../../src/archive/sealing.js'
import { Tally } from '../../src/archive/tally.js'
import { type Loaded, sealLoaded } from '../../src/archive/unsealed.js'
import type { Source } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { openDirectory } from '../../src/stores/index.js'
import { sealOf } from '../support/archived.js'
import { documentOf, loadInto, ndjson, never, newFolder, sourceOf } from '../support/load.js'
import { checkArchive, findingsOf, sealArchive, sealingOf } from '../support/sealing.js'

const DAY_MS = 86_400_000
const FIRST = Date.UTC(2026, 6, 1)
const dayText = (day: number): string => new Date(FIRST + day * DAY_MS).toISOString().slice(0, 10)

interface Counting {
  readonly place: ArchivePlace
  /** `list PREFIX` and `read KEY`, since it was asked for last. */
  requests(): readonly string[]
}

async function newPlace(): Promise<Counting> {
  const store = await openDirectory(join(newFolder(), 'archive'))
  let requests: string[] = []
  const counting: ObjectStore = {
    ...store,
    list(prefix, signal) {
      requests.push(`list ${prefix}`)
      return store.list(prefix, signal)
    },
    read(object, from, signal) {
      requests.push(`read ${object.key}`)
      return store.read(object, from, signal)
    },
  }
  return {
    place: { store: counting, prefix: '', id: 'the archive' },
    requests() {
      const all = requests
      requests = []
      return all
    },
  }
}

/** Loads one document of each day, and returns what is to be sealed of it. */
async function load(place: ArchivePlace, days: readonly number[], text = 'x'): Promise<Loaded> {
  const archive = archiveAt(place, null)
  const documents = days.map((day) =>
    documentOf(`${dayText(day)}/${text}`, ndjson({ timestamp: `${dayText(day)}T12:00:00Z`, action: text })),
  )
  await loadInto(new Tally(join(newFolder(), 'tally')), { sources: [sourceOf(documents)] }, { archive })
  return { source: 'test', range: null, added: archive.added('test') }
}

async function seal(
  place: ArchivePlace,
  loaded: Loaded,
  openDay: number,
  options: Partial<Sealing> = {},
): Promise<string[]> {
  const sealed: string[] = []
  const onSealed = async ({ day, supersedes }: { day: string | null; supersedes: number | null }) => {
    sealed.push(`${day}${supersedes === null ? '' : ` for ${supersedes}`}`)
  }
  const sealing = await sealingOf(place, { openDay: dayText(openDay), onSealed, ...options })
  await sealLoaded(loaded, sealing, (error) => {
    throw error
  })
  return sealed
}

const nothing: Loaded = { source: 'test', range: null, added: { days: new Set(), undated: new Set() } }

it('with nothing new, reads the newest seals and lists two days, however long the history is', async () => {
  const { place, requests } = await newPlace()
  const days = Array.from({ length: 6 }, (_, day) => day)
  expect(await seal(place, await load(place, days), 6)).toHaveLength(6)
  requests()
  expect(await seal(place, nothing, 6)).toEqual([])
  expect(requests()).toEqual([
    'list seals/test/',
    'read seals/test/00000006.jsonl',
    `list test/${dayText(4)}/`,
    // Four seals are read at once.
    ...[5, 4, 3].map((number) => `read seals/test/${String(number).padStart(8, '0')}.jsonl`),
    `list test/${dayText(5)}/`,
  ])
  await load(place, [6])
  requests()
  expect(await seal(place, nothing, 7)).toEqual([dayText(6)])
  // No older seal is looked for, because none is of a day as late.
  expect(requests().filter((each) => each.startsWith('read seals'))).toHaveLength(4)
})

it('makes up for the days of a loader that stood still', async () => {
  const { place } = await newPlace()
  await seal(place, await load(place, [0, 1]), 2)
  await load(place, [2, 3, 4])
  expect(await seal(place, nothing, 9)).toEqual([2, 3, 4].map(dayText))
})

it('seals an old day again only if the load added to it or was asked for it', async () => {
  const { place } = await newPlace()
  await seal(place, await load(place, [0, 1, 9]), 10)
  expect(await seal(place, await load(place, [0], 'late'), 10)).toEqual([`${dayText(0)} for 1`])
  await load(place, [1], 'left')
  expect(await seal(place, nothing, 10)).toEqual([])
  const range = { from: new Date(FIRST), to: new Date(FIRST + 5 * DAY_MS) }
  expect(await seal(place, { ...nothing, range }, 10)).toEqual([`${dayText(1)} for 2`])
  await load(place, [1], 'more')
  const all = { from: null, to: new Date(FIRST + 5 * DAY_MS) }
  expect(await seal(place, { ...nothing, range: all }, 10)).toEqual([`${dayText(1)} for 5`])
  expect(findingsOf(await checkArchive(place, { openDay: dayText(10) }))).toEqual([])
})

it('leaves a day that is not finished', async () => {
  const { place } = await newPlace()
  expect(await seal(place, await load(place, [0, 1]), 1)).toEqual([dayText(0)])
})

/** Notes how many documents each run of the pipeline reads. */
async function countingRuns(place: ArchivePlace): Promise<{ runs: number[]; count: Sealing['count'] }> {
  const runs: number[] = []
  const sealing = await sealingOf(place, {})
  const count = async (source: Source) => {
    const counted = await sealing.count(source)
    runs.push(counted.documents.size)
    return counted
  }
  return { runs, count }
}

it('counts many days in one run of the pipeline', async () => {
  const { place } = await newPlace()
  const loaded = await load(
    place,
    Array.from({ length: TOGETHER.parts + 1 }, (_, day) => day),
  )
  const { runs, count } = await countingRuns(place)
  expect(await seal(place, loaded, 200, { count })).toHaveLength(TOGETHER.parts + 1)
  expect(runs).toEqual([TOGETHER.parts, 1])
  expect(findingsOf(await checkArchive(place, { openDay: dayText(200) }))).toEqual([])
})

it('states the same of each day, whatever is counted with it', async () => {
  const event = (day: number, second: number, action = 'user:login') => ({
    timestamp: `${dayText(day)}T12:00:0${second}Z`,
    action,
  })
  const shared = [event(0, 1), event(0, 1), event(0, 1, 'mine')]
  const documents = [
    documentOf(`${dayText(0)}/a`, ndjson(...shared, '{cut')),
    documentOf(`${dayText(0)}/b`, ndjson(...shared, event(0, 1))),
    documentOf(`${dayText(1)}/a`, ndjson(event(0, 1), event(1, 2, 'user:logout'), event(1, 2, 'user:logout'))),
    documentOf(`${dayText(2)}/a`, '{cut'),
    documentOf(`${dayText(3)}/a`, ndjson(event(0, 1), event(0, 1), event(1, 2, 'user:logout'))),
  ]
  const [together, alone] = [(await newPlace()).place, (await newPlace()).place]
  for (const place of [together, alone])
    await loadInto(
      new Tally(join(newFolder(), 'tally')),
      { sources: [sourceOf(documents)] },
      { archive: archiveAt(place, null) },
    )
  const { runs, count } = await countingRuns(together)
  await sealArchive(together, { openDay: dayText(4), count })
  for (const day of [1, 2, 3, 4]) await sealArchive(alone, { openDay: dayText(day) })
  expect(runs).toEqual([5])
  for (const number of [1, 2, 3, 4]) {
    const [expected, seal] = [await sealOf(alone, 'test', number), await sealOf(together, 'test', number)]
    // When documents were read differs.
    const content = ({ previous: _, documents, ...rest }: typeof seal) => ({
      ...rest,
      documents: documents.map(({ read_at: _, ...document }) => document),
    })
    expect(content(seal)).toEqual(content(expected))
  }
  expect((await sealOf(together, 'test', 1)).events).toBe(4)
  expect(await sealOf(together, 'test', 3)).toMatchObject({ events: 0, rejects: 1, days: {} })
  expect(await sealOf(together, 'test', 4)).toMatchObject({ events: 3, actions: { 'user:login': 2, 'user:logout': 1 } })
})

it('seals the other days where one has to be restored first', async () => {
  const { place } = await newPlace()
  const loaded = await load(place, [0, 1, 2])
  const store: ObjectStore = {
    ...place.store,
    async *list(prefix, signal) {
      for await (const object of place.store.list(prefix, signal))
        yield parseKey(object.key)?.day === dayText(1) ? { ...object, archived: 'Restore it.' } : object
    },
  }
  const { seals, errors } = await sealArchive({ ...place, store }, { openDay: dayText(9) })
  expect(seals.map(({ day }) => day)).toEqual([dayText(0), dayText(2)])
  expect(errors).toMatchObject([{ message: expect.stringContaining(dayText(1)), advice: 'Restore it.' }])
  expect(await seal(place, loaded, 9)).toEqual([dayText(1)])
})

it('counts days alone where they cannot be counted together', async () => {
  const { place } = await newPlace()
  await load(place, [0, 1, 2])
  const sealing = await sealingOf(place, {})
  const count = async (source: Source) => {
    for await (const { id } of source.list({ from: null, to: null }, never))
      if (id.includes(dayText(1))) throw new AuditError('out of memory')
    return sealing.count(source)
  }
  const { seals, errors } = await sealArchive(place, { openDay: dayText(9), count })
  expect(seals.map(({ day }) => day)).toEqual([dayText(0), dayText(2)])
  expect(errors).toMatchObject([{ message: 'out of memory' }])
})
