/** What every source must do, written against the contract only. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { DayRange, Document, Source } from '../../src/contract.js'
import { joined } from '../landing/support.js'
import { never, opened } from '../support/load.js'

/** What a place holds: the bytes of each document by its id, in the order in which they are listed. */
export type Held = ReadonlyMap<string, string>

/** A place that documents come from. Each step changes it, and returns what it holds from then on. */
export interface SourcePlace {
  /** The days the suite asks for; all there are when absent. */
  readonly days?: DayRange
  /** Whether names looked up by W&B come from there. */
  readonly isApi?: boolean
  /** A further source on the same place. */
  open(): Source
  /** Fills it with two documents or more, the first of them of a megabyte at least. */
  fill(): Promise<Held>
  /** Gives one document other bytes, of the same length where that can be. */
  change(): Promise<Held>
  /** Adds a document, where that can be before the others. */
  add(): Promise<Held>
}

const EVERYTHING = { from: null, to: null }
const EVENT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login","actor_email":"ünï@example.com"}\n'

/**
 * A place of named objects, such as a folder or a bucket.
 *
 * @param put makes objects with these contents, or replaces those of these names; returns the ids they shall be listed under
 */
export function objectPlace(
  open: () => Source,
  put: (contents: Readonly<Record<string, string>>) => Promise<readonly string[]>,
): SourcePlace {
  const held = new Map<string, readonly [id: string, content: string]>()
  async function putting(contents: Readonly<Record<string, string>>): Promise<Held> {
    const ids = await put(contents)
    for (const [i, [name, content]] of Object.entries(contents).entries()) held.set(name, [ids[i] ?? '', content])
    return new Map([...held.keys()].sort().map((name) => held.get(name) as readonly [string, string]))
  }
  return {
    open,
    fill: () => putting({ b: EVENT.repeat(50_000), c: '\ufeff\r\n\0', d: '', e: EVENT }),
    change: () => putting({ e: EVENT.replace('login', 'logen') }),
    add: () => putting({ a: EVENT }),
  }
}

export async function listed(source: Source, days: DayRange = EVERYTHING, signal = never): Promise<Document[]> {
  const documents: Document[] = []
  for await (const document of source.list(days, signal)) documents.push(document)
  return documents
}

const textOf = async (document: Document): Promise<string> => (await joined(await opened(document))).toString('utf8')

/** As receipts have it: where a source knows no version, the SHA-256 of the bytes serves. */
const versionOf = async (document: Document): Promise<string> =>
  document.version ??
  createHash('sha256')
    .update(await textOf(document))
    .digest('hex')

async function versionsOf(documents: readonly Document[]): Promise<ReadonlyMap<string, string>> {
  const versions = new Map<string, string>()
  for (const document of documents) versions.set(document.id, await versionOf(document))
  return versions
}

const idsOf = (documents: readonly Document[]): readonly string[] => documents.map(({ id }) => id)

export function sourceConformance(name: string, newPlace: () => Promise<SourcePlace>): void {
  describe(name, () => {
    it('lists every document once, under the same id and version each time', async () => {
      const place = await newPlace()
      const held = await place.fill()
      const first = await listed(place.open(), place.days)
      expect(idsOf(first)).toEqual([...held.keys()])
      const again = await listed(place.open(), place.days)
      expect(again.map(({ id, version }) => [id, version])).toEqual(first.map(({ id, version }) => [id, version]))
      expect(place.open().id).toBe(place.open().id)
    })

    it('names its documents so that the rank of their names follows from it', async () => {
      const place = await newPlace()
      await place.fill()
      const isApi = place.isApi ?? false
      expect(new Set(idsOf(await listed(place.open(), place.days)).map((id) => id.startsWith('http')))).toEqual(
        new Set([isApi]),
      )
    })

    it('gives the bytes as they are, as often as it is asked', async () => {
      const place = await newPlace()
      const held = await place.fill()
      const documents = await listed(place.open(), place.days)
      expect(Math.max(...[...held.values()].map((content) => content.length))).toBeGreaterThan(1e6)
      expect(documents).toHaveLength(held.size)
      for (const document of documents) {
        const content = held.get(document.id) ?? ''
        expect((await textOf(document)) === content).toBe(true)
        expect((await textOf(document)) === content).toBe(true)
        expect([null, Buffer.byteLength(content)]).toContain(document.bytes)
        if (document.path !== undefined) expect(readFileSync(document.path, 'utf8') === content).toBe(true)
      }
    })

    it('gives a changed document another version, and the others their own', async () => {
      const place = await newPlace()
      const held = await place.fill()
      const before = await versionsOf(await listed(place.open(), place.days))
      const changed = await place.change()
      const documents = await listed(place.open(), place.days)
      expect(idsOf(documents)).toEqual([...held.keys()])
      const after = await versionsOf(documents)
      const [id = '', ...more] = [...after.keys()].filter((id) => after.get(id) !== before.get(id))
      expect(more).toEqual([])
      expect(changed.get(id)).not.toBe(held.get(id))
      const document = documents.find((each) => each.id === id)
      expect(await textOf(document as Document)).toBe(changed.get(id))
    })

    it('finds what comes later', async () => {
      const place = await newPlace()
      await place.fill()
      const before = idsOf(await listed(place.open(), place.days))
      const held = await place.add()
      const after = await listed(place.open(), place.days)
      expect(idsOf(after)).toEqual([...held.keys()])
      const added = after.filter(({ id }) => !before.includes(id))
      expect(added).not.toEqual([])
      for (const document of added) expect((await textOf(document)) === held.get(document.id)).toBe(true)
    })

    it('lists for some days all that may hold their events, and nothing that tells of other days alone', async () => {
      const place = await newPlace()
      await place.fill()
      for (const { id, range } of await listed(place.open(), place.days)) {
        const asked = range ?? { from: new Date('2020-01-01'), to: new Date('2020-01-02') }
        const found = await listed(place.open(), asked)
        const elsewhere = found.filter((document) => document.range !== null && !overlap(document.range, asked))
        expect(elsewhere).toEqual([])
        if (range === null) expect(idsOf(found)).toContain(id)
        else
          expect(midnightsOf(found.flatMap((document) => document.range ?? []))).toEqual(
            expect.arrayContaining(midnightsOf([range])),
          )
      }
    })

    it('stops when it is told to', async () => {
      const place = await newPlace()
      await place.fill()
      await expect(listed(place.open(), place.days, AbortSignal.abort())).rejects.toMatchObject({
        message: 'interrupted',
      })
      const [first] = await listed(place.open(), place.days)
      if (first === undefined) throw new Error('nothing is listed')
      await expect(opened(first, AbortSignal.abort()).then(joined)).rejects.toThrow()
      const controller = new AbortController()
      const reading = (async () => {
        for await (const chunk of await opened(first, controller.signal)) {
          expect(chunk.length).toBeGreaterThan(0)
          controller.abort()
        }
      })()
      await expect(reading).rejects.toThrow()
    })

    it('can be closed, used or not', async () => {
      const place = await newPlace()
      await place.fill()
      await place.open().close()
      const source = place.open()
      await textOf((await listed(source, place.days))[0] as Document)
      await source.close()
    })
  })
}

const overlap = (one: DayRange, other: DayRange): boolean =>
  (one.from ?? 0) < (other.to ?? Number.POSITIVE_INFINITY) && (other.from ?? 0) < (one.to ?? Number.POSITIVE_INFINITY)

/** The UTC midnights within ranges that have both ends. */
function midnightsOf(ranges: readonly DayRange[]): number[] {
  const midnights = new Set<number>()
  for (const { from, to } of ranges) {
    if (from === null || to === null) throw new Error('a range without end')
    for (let day = from.getTime(); day < to.getTime(); day += 86_400_000) midnights.add(day)
  }
  return [...midnights]
}
