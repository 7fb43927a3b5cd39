/** What a load seals, and how little it reads for that. */

import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type ArchivePlace, archiveAt } from '../../src/archive/archive.js'
import { Tally } from '../../src/archive/tally.js'
import { type Loaded, sealLoaded } from '../../src/archive/unsealed.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { openDirectory } from '../../src/stores/index.js'
import { documentOf, loadInto, ndjson, newFolder, sourceOf } from '../support/load.js'
import { checkArchive, findingsOf, sealingOf } from '../support/sealing.js'

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

async function seal(place: ArchivePlace, loaded: Loaded, openDay: number): Promise<string[]> {
  const sealed: string[] = []
  const onSealed = async ({ day, supersedes }: { day: string | null; supersedes: number | null }) => {
    sealed.push(`${day}${supersedes === null ? '' : ` for ${supersedes}`}`)
  }
  const sealing = await sealingOf(place, { openDay: dayText(openDay), onSealed })
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
